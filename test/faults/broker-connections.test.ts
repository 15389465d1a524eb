import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { topicName } from '../../schemas/topics.js';
import { elapsedMs } from '../../services/shared/clock.js';
import { createAdmin } from '../../services/shared/kafka/admin.js';
import { groupConsumer } from '../../services/shared/kafka/group-consumer.js';
import type { ConsumerHandlers, GroupConsumer } from '../../services/shared/runtime/ports.js';
import { serverEnv } from '../integration/servers.fixture.js';
import { TestNetwork, waitUntil } from '../integration/services.fixture.js';
import { API, BROKER_FAULTS, BrokerProxy } from './broker-proxy.js';

/** Longer than any stop, and shorter than what a group waits for a member that is gone. */
const STOP_MAX_MS = 12_000;

let broker: BrokerProxy;
let network: TestNetwork;

beforeEach(async () => {
  [broker, network] = await Promise.all([BrokerProxy.to(serverEnv().KAFKA_BROKERS), TestNetwork.create()]);
});
afterEach(async () => {
  await network.close();
  await broker.close();
});

const through = () => ({ ...network.config.kafka, brokers: [broker.address] });

function member(): GroupConsumer {
  const { topicPrefix } = network.config.kafka;
  return groupConsumer(through(), { groupId: `${topicPrefix}group`, topics: [topicName('proofs', topicPrefix)] });
}

function handlers(told: Partial<ConsumerHandlers> = {}): ConsumerHandlers {
  return {
    moved: () => Promise.resolve(),
    assigned: () => Promise.resolve(),
    batch: () => Promise.resolve(),
    crashed: () => undefined,
    ...told,
  };
}

const noneIsOpen = () => waitUntil('every connection is closed', () => Promise.resolve(broker.connections === 0));

describe('a client that is closed leaves no connection behind, which would keep its process alive', () => {
  it('when the broker had hung up on a consumer', async () => {
    const consumer = member();
    await consumer.start(handlers());
    for (const api of [API.fetch, API.heartbeat]) {
      broker.break(BROKER_FAULTS['hangs up, nothing saved'], 2, (request) => request.api === api);
      await waitUntil('it hung up', () => Promise.resolve(broker.hits === 2));
    }
    await consumer.stop();
    await noneIsOpen();
  });

  it('when many asked at once while it hung up', async () => {
    const admin = await createAdmin(through());
    broker.break(BROKER_FAULTS['hangs up, nothing saved'], 5, (request) => request.api === API.ends);
    await Promise.allSettled(Array.from({ length: 50 }, () => admin.endOffsets(network.topic('proofs'))));
    await admin.close();
    await noneIsOpen();
  });

  it('when a consumer is stopped while it joins, which it does not do any more then', async () => {
    const joined: number[] = [];
    const consumer = member();
    const silent = { answer: () => new Promise<never>(() => undefined) };
    broker.break(silent, Number.POSITIVE_INFINITY, (request) => request.api === API.join);
    const told = handlers({ assigned: (partitions) => Promise.resolve(void joined.push(partitions.length)) });
    void consumer.start(told).catch(() => undefined);
    await waitUntil('it joins', () => Promise.resolve(broker.hits > 0));
    const startMs = elapsedMs();
    await consumer.stop();
    expect(elapsedMs() - startMs).toBeLessThan(STOP_MAX_MS);
    await noneIsOpen();
    expect(joined).toEqual([]);
  });
});
