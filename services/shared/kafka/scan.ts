import { randomUUID } from 'node:crypto';

import { sleep } from '../clock.js';
import { BacktrailError } from '../errors.js';
import type { LogRecord } from '../runtime/ports.js';
import { withAdmin } from './admin.js';
import { closeClient, kafkaClient, type KafkaSettings } from './client.js';
import { toLogRecord } from './group-consumer.js';
import { translateKafka } from './kafka-error.js';

/** Some offsets of a partition, half-open. */
export interface LogSpan {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

const LIMIT_MS = 60_000;
const FETCH_WAIT_MS = 100;

/**
 * Gives every record of a span to `visit`, in order, until that says that it has seen enough. kafkajs reads in groups only, so
 * it makes one that is gone afterwards. Throws KAFKA_UNREACHABLE when it takes too long.
 */
export async function scanLog(
  settings: KafkaSettings,
  span: LogSpan,
  visit: (record: LogRecord) => 'more' | 'enough',
): Promise<void> {
  const { topic, partition, from, to } = span;
  if (from >= to) return;
  const groupId = `backtrail.scan.${randomUUID()}`;
  const client = kafkaClient(settings);
  const consumer = client.consumer({ groupId, maxWaitTimeInMs: FETCH_WAIT_MS });
  const done = new AbortController();
  const failures: BacktrailError[] = [];
  const ended = (error?: unknown): void => {
    if (error !== undefined) failures.push(translateKafka(error));
    done.abort();
  };
  const { GROUP_JOIN, CRASH, END_BATCH_PROCESS } = consumer.events;
  consumer.on(GROUP_JOIN, ({ payload }) => {
    const others = (payload.memberAssignment[topic] ?? []).filter((other) => other !== partition);
    if (others.length > 0) consumer.pause([{ topic, partitions: others }]);
    consumer.seek({ topic, partition, offset: from.toString() });
  });
  consumer.on(CRASH, ({ payload }) => {
    if (!payload.restart) ended(payload.error);
  });
  // Also of what gives no record, as the markers of transactions at the end.
  consumer.on(END_BATCH_PROCESS, ({ payload }) => {
    if (payload.partition === partition && BigInt(payload.lastOffset) + 1n >= to) ended();
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => {
        if (batch.partition !== partition) return Promise.resolve();
        for (const message of batch.messages) {
          const record = toLogRecord(message);
          if (record.offset < from || record.offset >= to || done.signal.aborted) continue;
          if (visit(record) === 'enough') ended();
        }
        return Promise.resolve();
      },
    });
    await sleep(LIMIT_MS, done.signal);
  } catch (error) {
    ended(error);
  } finally {
    await closeClient(client, consumer).catch(() => undefined);
    await withAdmin(settings, (admin) => admin.deleteGroups([groupId])).catch(() => undefined);
  }
  if (failures[0] !== undefined) throw failures[0];
  if (!done.signal.aborted) throw new BacktrailError('KAFKA_UNREACHABLE', `${topic} could not be read within a minute`);
}
