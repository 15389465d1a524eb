import { CompressionTypes } from 'kafkajs';

import { closeClient, kafkaClient, type KafkaSettings } from './client.js';
import { translateKafka } from './kafka-error.js';
import { javaCompatiblePartitioner } from './partitioner.js';
import { toMessage, type OutgoingRecord } from './producer.js';

/** A record whose partition is decided. */
export type PlacedRecord = OutgoingRecord & { readonly partition: number };

export interface PlacingProducer {
  /**
   * Sends the records, of each partition in their order, and says at which offset each is. Sends once: when it throws, the log
   * may have some of them all the same.
   */
  place(topic: string, records: readonly PlacedRecord[]): Promise<bigint[]>;
  close(): Promise<void>;
}

const ALL_REPLICAS = -1;

/** For whoever must not send twice, and looks into the log instead. Close it, or the process does not end. */
export async function createPlacingProducer(settings: KafkaSettings): Promise<PlacingProducer> {
  const client = kafkaClient(settings);
  const producer = client.producer({
    createPartitioner: javaCompatiblePartitioner,
    allowAutoTopicCreation: false,
    maxInFlightRequests: 1,
    retry: { retries: 0 },
  });
  try {
    await producer.connect();
  } catch (error) {
    await closeClient(client, producer).catch(() => undefined);
    throw translateKafka(error);
  }
  return {
    async place(topic, records) {
      try {
        const messages = records.map(toMessage);
        const placed = await producer.send({ topic, messages, acks: ALL_REPLICAS, compression: CompressionTypes.GZIP });
        // One request has one batch of each partition: the answer is the offset of its first record.
        const next = new Map(placed.map(({ partition, baseOffset }) => [partition, BigInt(baseOffset ?? '')]));
        return records.map(({ partition }) => {
          const offset = next.get(partition);
          if (offset === undefined) throw new Error(`the brokers did not say where partition ${partition} has it`);
          next.set(partition, offset + 1n);
          return offset;
        });
      } catch (error) {
        throw translateKafka(error);
      }
    },
    close: () => closeClient(client, producer),
  };
}
