import { randomUUID } from 'node:crypto';

import { kafkaClient, type KafkaSettings } from './client.js';
import { translateKafka } from './kafka-error.js';

/** Offsets `[from, to)` of one partition. */
export interface OffsetRange {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

export interface RangeRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly appendedAtMs: number;
  readonly value: Buffer | null;
}

/**
 * Reads committed records of some ranges, in the order of each partition, in a group that nobody else is in and that is
 * deleted afterwards. Resolves at the ends of all ranges. Throws BacktrailError.
 */
export async function readRanges(
  settings: KafkaSettings,
  topic: string,
  ranges: readonly OffsetRange[],
  take: (records: readonly RangeRecord[]) => Promise<void>,
): Promise<void> {
  const open = new Map(ranges.filter(({ from, to }) => from < to).map((range) => [range.partition, range]));
  if (open.size === 0) return;
  const kafka = kafkaClient(settings);
  const groupId = `${settings.clientId}.read.${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
  const admin = kafka.admin();
  try {
    await Promise.all([consumer.connect(), admin.connect()]);
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const read = (partition: number, next: bigint): void => {
        const range = open.get(partition);
        if (range !== undefined && next >= range.to) open.delete(partition);
        if (open.size === 0) resolve();
      };
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        reject(payload.error);
      });
      // Batches of nothing but transaction markers are passed over, and only this tells.
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
        read(payload.partition, BigInt(payload.lastOffset) + 1n);
      });
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            const range = open.get(batch.partition);
            if (range === undefined) return;
            const records = batch.messages
              .map(({ offset, timestamp, value }) => {
                return { partition: batch.partition, offset: BigInt(offset), appendedAtMs: Number(timestamp), value };
              })
              .filter(({ offset }) => offset >= range.from && offset < range.to);
            if (records.length > 0) await take(records);
          },
        })
        .catch(reject);
      for (const { partition, from } of open.values()) consumer.seek({ topic, partition, offset: from.toString() });
    });
  } catch (error) {
    throw translateKafka(error);
  } finally {
    await consumer.disconnect().catch(() => undefined);
    await admin.deleteGroups([groupId]).catch(() => undefined);
    await admin.disconnect().catch(() => undefined);
  }
}
