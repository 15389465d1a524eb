import { CompressionTypes, type IHeaders, type Message } from 'kafkajs';

import type { Header, Outgoing, Producer } from '../runtime/ports.js';
import { closeClient, kafkaClient, type KafkaSettings } from './client.js';
import { translateKafka } from './kafka-error.js';
import { NULL_HEADER_VALUE } from './null-headers.js';
import { javaCompatiblePartitioner } from './partitioner.js';

/** A record to send. `timestampMs` becomes the append time on topics with CreateTime, and is ignored on others. */
export interface OutgoingRecord extends Outgoing {
  readonly timestampMs?: number;
  /** The key decides where it is not given. */
  readonly partition?: number;
}

export interface BatchProducer extends Producer {
  /**
   * Sends the records in their order, which is the order in each partition, and resolves when all in-sync replicas have
   * them. Await one call before the next, or their order is open. Throws BacktrailError; what was sent before stays.
   */
  send(topic: string, records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

// A broker takes 1 MB a batch by default, counted after compression. Counted before, every batch fits.
const CHUNK_BYTES_MAX = 900_000;
const CHUNK_RECORDS_MAX = 10_000;
// What a record takes besides its key and value.
const RECORD_OVERHEAD_BYTES = 40;
const ALL_REPLICAS = -1;

export interface ProducerOptions {
  /** The broker tells a batch that is sent once more from a new one: a call may be repeated with the same records. */
  readonly idempotent?: boolean;
}

/** A connected producer. Close it, or the process does not end. */
export async function createProducer(
  settings: KafkaSettings,
  { idempotent = false }: ProducerOptions = {},
): Promise<BatchProducer> {
  const client = kafkaClient(settings);
  const producer = client.producer({
    createPartitioner: javaCompatiblePartitioner,
    allowAutoTopicCreation: false,
    idempotent,
    // More at once would let a retried batch arrive behind its successor.
    maxInFlightRequests: 1,
  });
  try {
    await producer.connect();
  } catch (error) {
    await closeClient(client, producer).catch(() => undefined);
    throw translateKafka(error);
  }
  return {
    async send(topic, records) {
      for (const chunk of chunksOf(records)) {
        try {
          const messages = chunk.map(toMessage);
          await producer.send({ topic, messages, acks: ALL_REPLICAS, compression: CompressionTypes.GZIP });
        } catch (error) {
          throw translateKafka(error);
        }
      }
    },
    close: () => closeClient(client, producer),
  };
}

/** The records in their order, in parts of bounded count and size; a record that is larger alone is a part of its own. */
export function* chunksOf<T extends Outgoing>(records: readonly T[]): Generator<T[]> {
  let chunk: T[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = sizeOf(record);
    if (chunk.length > 0 && (bytes + size > CHUNK_BYTES_MAX || chunk.length >= CHUNK_RECORDS_MAX)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(record);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

function sizeOf({ key, value, headers = [] }: Outgoing): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key === null ? 0 : Buffer.byteLength(key)) + (value?.length ?? 0);
  for (const header of headers) bytes += Buffer.byteLength(header.name) + (header.value?.length ?? 0);
  return bytes;
}

export function toMessage(record: OutgoingRecord): Message {
  const { key, value, headers, timestampMs, partition } = record;
  return {
    key,
    value,
    ...(headers === undefined || headers.length === 0 ? {} : { headers: toHeaders(headers) }),
    ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
    ...(partition === undefined ? {} : { partition }),
  };
}

/** kafkajs has a map of headers. Several of one name keep their order among themselves. */
function toHeaders(headers: readonly Header[]): IHeaders {
  const values = new Map<string, Buffer[]>();
  for (const { name, value } of headers) {
    const sameName = values.get(name) ?? [];
    sameName.push(value ?? NULL_HEADER_VALUE);
    values.set(name, sameName);
  }
  return Object.fromEntries(values);
}
