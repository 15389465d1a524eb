import type { Admin } from 'kafkajs';

import type { LogEnds, LogSpans, PartitionOffsets } from '../runtime/ports.js';
import { closeClient, kafkaClient, type KafkaSettings } from './client.js';
import { translateKafka } from './kafka-error.js';

export interface LogAdmin extends LogEnds, LogSpans {
  /** All topics there are, sorted. */
  topics(): Promise<string[]>;
  close(): Promise<void>;
}

/** Runs `use` with a connected admin client, and disconnects it. Throws BacktrailError for what Kafka refuses. */
export async function withAdmin<T>(settings: KafkaSettings, use: (admin: Admin) => Promise<T>): Promise<T> {
  const client = kafkaClient(settings);
  const admin = client.admin();
  try {
    await admin.connect();
    return await use(admin);
  } catch (error) {
    throw translateKafka(error);
  } finally {
    await closeClient(client, admin).catch(() => undefined);
  }
}

/** A connected admin client for questions about the log. Close it, or the process does not end. */
export async function createAdmin(settings: KafkaSettings): Promise<LogAdmin> {
  const client = kafkaClient(settings);
  const admin = client.admin();
  const ask = async <T>(question: () => Promise<T>): Promise<T> => {
    try {
      return await question();
    } catch (error) {
      throw translateKafka(error);
    }
  };
  await ask(() => admin.connect()).catch(async (error: unknown) => {
    await closeClient(client, admin).catch(() => undefined);
    throw error;
  });
  const offsets = (topic: string): Promise<PartitionOffsets[]> => ask(() => offsetsOf(admin, topic));
  return {
    offsets,
    endOffsets: async (topic) => new Map((await offsets(topic)).map(({ partition, high }) => [partition, high])),
    firstSince: async (topic, appendedAtMs) => {
      const found = await ask(() => admin.fetchTopicOffsetsByTimestamp(topic, appendedAtMs));
      return new Map(found.map(({ partition, offset }) => [partition, BigInt(offset)]));
    },
    topics: async () => (await ask(() => admin.listTopics())).sort(),
    close: () => closeClient(client, admin),
  };
}

async function offsetsOf(admin: Admin, topic: string): Promise<PartitionOffsets[]> {
  const found = await admin.fetchTopicOffsets(topic);
  return found
    .map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }))
    .sort((a, b) => a.partition - b.partition);
}
