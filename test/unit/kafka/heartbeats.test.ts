import { createRequire } from 'node:module';

import { afterEach, expect, it, vi } from 'vitest';

import { keepHeartbeats } from '../../../services/shared/kafka/heartbeats.js';

interface Group {
  memberId: string;
  coordinator: { heartbeat(): Promise<void> };
  heartbeat(options: { interval: number }): Promise<void>;
}
type GroupClass = new (options: object) => Group;

const ConsumerGroup = createRequire(import.meta.url)('kafkajs/src/consumer/consumerGroup.js') as GroupClass;

afterEach(() => {
  vi.useRealTimers();
});

it('a member goes on to say that it lives when the clock was set back', async () => {
  keepHeartbeats();
  keepHeartbeats();
  vi.useFakeTimers({ now: Date.UTC(2026, 2, 10, 12) });
  const logger = { namespace: () => ({}) };
  const group = new ConsumerGroup({ logger, retry: {}, topics: [], instrumentationEmitter: { emit: () => undefined } });
  let asked = 0;
  group.memberId = 'm';
  group.coordinator = { heartbeat: () => Promise.resolve(void (asked += 1)) };
  const beat = () => group.heartbeat({ interval: 2_000 });
  await beat();
  expect(asked).toBe(0);
  vi.setSystemTime(Date.UTC(2026, 2, 10, 11));
  await beat();
  await beat();
  expect(asked).toBe(1);
  vi.setSystemTime(Date.UTC(2026, 2, 10, 11, 0, 2));
  await beat();
  expect(asked).toBe(2);
});
