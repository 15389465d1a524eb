import { createRequire } from 'node:module';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { clampIdleTimer } from '../../../services/shared/kafka/idle-timer.js';

interface Queue {
  push(request: object): void;
  fulfillRequest(answer: object): void;
  checkPendingRequests(): void;
  maybeThrottle(ms: number): void;
  destroy(): void;
}
type QueueClass = new (options: object) => Queue;

const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as QueueClass;

function queue(maxInFlightRequests: number): Queue {
  const silent = { debug: () => undefined, warn: () => undefined };
  return new RequestQueue({ maxInFlightRequests, requestTimeout: 30_000, logger: silent, clientId: 'c', broker: 'b' });
}

function request(correlationId: number, sent: number[]): object {
  return {
    entry: { correlationId, resolve: () => undefined, reject: () => undefined },
    expectResponse: true,
    sendRequest: () => sent.push(correlationId),
  };
}

describe("kafkajs's request queue", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('arms no timer while nothing waits', () => {
    clampIdleTimer();
    clampIdleTimer();
    vi.useFakeTimers();
    const idle = queue(1);
    const sent: number[] = [];
    idle.push(request(1, sent));
    idle.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    idle.checkPendingRequests();
    expect(sent).toEqual([1]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('still sends what had to wait, and is quiet afterwards', () => {
    clampIdleTimer();
    vi.useFakeTimers();
    const busy = queue(1);
    const sent: number[] = [];
    busy.push(request(1, sent));
    busy.push(request(2, sent));
    expect(vi.getTimerCount()).toBe(1);
    busy.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    expect(sent).toEqual([1, 2]);
    vi.advanceTimersByTime(1_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('still sends after the broker asked it to slow down', () => {
    clampIdleTimer();
    vi.useFakeTimers();
    const throttled = queue(5);
    const sent: number[] = [];
    throttled.maybeThrottle(500);
    throttled.push(request(1, sent));
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(600);
    expect(sent).toEqual([1]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
