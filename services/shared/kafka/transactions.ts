import { CompressionTypes } from 'kafkajs';

import { closeClient, kafkaClient, type KafkaSettings } from './client.js';
import { translateKafka } from './kafka-error.js';
import { javaCompatiblePartitioner } from './partitioner.js';
import type { PlacedRecord } from './placing-producer.js';
import { chunksOf, toMessage } from './producer.js';

/** Where a record that was sent lies. */
export interface Sent {
  readonly offset: bigint;
  /** Null where the topic keeps the sender's time. */
  readonly appendedAtMs: number | null;
}

/**
 * A producer of which there is only one: opening another under the same name ends what this one had begun, and refuses
 * whatever it sends later.
 */
export interface SoleProducer {
  /**
   * Sends all records or none; readers that read committed records see them together. Where each lies is told in their
   * order. When it throws, whether they were sent is open: open another producer, and look.
   */
  send(topic: string, records: readonly PlacedRecord[]): Promise<Sent[]>;
  close(): Promise<void>;
}

const ALL_REPLICAS = -1;
// The broker is busy with the end of one transaction for some milliseconds when the next begins.
const RETRY = { initialRetryTime: 20, maxRetryTime: 1_000, retries: 10 };

/** Throws BacktrailError. Close it, or the process does not end. */
export async function openSoleProducer(settings: KafkaSettings, transactionalId: string): Promise<SoleProducer> {
  const client = kafkaClient(settings);
  const producer = client.producer({
    transactionalId,
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: javaCompatiblePartitioner,
    retry: RETRY,
  });
  try {
    await producer.connect();
    // An empty transaction: kafkajs only takes its place at the first one.
    await (await producer.transaction()).abort();
  } catch (error) {
    await closeClient(client, producer).catch(() => undefined);
    throw translateKafka(error);
  }
  return {
    async send(topic, records) {
      try {
        const transaction = await producer.transaction();
        const sent: Sent[] = [];
        try {
          for (const chunk of chunksOf(records)) {
            const messages = chunk.map(toMessage);
            const results = await transaction.send({
              topic,
              messages,
              acks: ALL_REPLICAS,
              compression: CompressionTypes.GZIP,
            });
            const next = new Map(
              results.map(({ partition, baseOffset, logAppendTime }) => {
                const stamped = logAppendTime === undefined || logAppendTime === '-1' ? null : Number(logAppendTime);
                return [partition, { offset: BigInt(baseOffset ?? -1), appendedAtMs: stamped }];
              }),
            );
            for (const { partition } of chunk) {
              const at = next.get(partition) ?? { offset: -1n, appendedAtMs: null };
              sent.push(at);
              next.set(partition, { ...at, offset: at.offset + 1n });
            }
          }
        } catch (error) {
          await transaction.abort().catch(() => undefined);
          throw error;
        }
        await transaction.commit();
        return sent;
      } catch (error) {
        throw translateKafka(error);
      }
    },
    close: () => closeClient(client, producer),
  };
}
