import type { SpanReading, TimedRecord } from '../../../services/shared/kafka/span-reader.js';
import { HEADER_BYTES, writeHeader } from '../../../services/shared/kafka/wire.js';
import type { LogEnds, LogSpans } from '../../../services/shared/runtime/ports.js';

/** A record at an offset. Its value names schema 1, its time grows with the offset. */
export function record(offset: number, more: Partial<TimedRecord> = {}): TimedRecord {
  return {
    offset: BigInt(offset),
    appendedAtMs: 1_000 + offset,
    timeType: 'LOG_APPEND_TIME',
    key: Buffer.from(`k${String(offset)}`),
    value: valueOf(1, `record ${String(offset)}`),
    headers: [],
    ...more,
  };
}

/** An Avro string under a schema id. */
export function valueOf(schemaId: number, text: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  writeHeader(header, schemaId);
  return Buffer.concat([header, Buffer.from([text.length * 2]), Buffer.from(text)]);
}

interface Partition {
  low: bigint;
  high: bigint;
  records: TimedRecord[];
}

/** Topics in memory: what archiving reads, without a broker. */
export class MemoryTopics implements LogSpans, LogEnds {
  readonly #topics = new Map<string, Map<number, Partition>>();
  batchRecords = 3;

  /** Appends records with these offsets; what lies between is nobody's record. */
  append(topic: string, partition: number, offsets: readonly number[], more: Partial<TimedRecord> = {}): void {
    const one = this.#partition(topic, partition);
    for (const offset of offsets) {
      one.records.push(record(offset, more));
      one.high = BigInt(offset + 1);
    }
  }

  endAt(topic: string, partition: number, high: number): void {
    this.#partition(topic, partition).high = BigInt(high);
  }

  deleteBelow(topic: string, partition: number, low: number): void {
    const one = this.#partition(topic, partition);
    one.low = BigInt(low);
    one.records = one.records.filter(({ offset }) => offset >= one.low);
  }

  replace(topic: string): void {
    this.#topics.delete(topic);
  }

  offsets(topic: string): Promise<{ partition: number; low: bigint; high: bigint }[]> {
    const found = [...(this.#topics.get(topic) ?? [])];
    return Promise.resolve(found.map(([partition, { low, high }]) => ({ partition, low, high })));
  }

  async endOffsets(topic: string): Promise<Map<number, bigint>> {
    return new Map((await this.offsets(topic)).map(({ partition, high }) => [partition, high]));
  }

  firstSince(topic: string, appendedAtMs: number): Promise<Map<number, bigint>> {
    const found = [...(this.#topics.get(topic) ?? [])];
    return Promise.resolve(
      new Map(
        found.map(([partition, { records, high }]) => {
          return [partition, records.find((one) => one.appendedAtMs >= appendedAtMs)?.offset ?? high];
        }),
      ),
    );
  }

  /** As readSpans reads: partitions in turn, a few records at a time. */
  readonly read = async ({ topic, spans, visit, signal }: SpanReading): Promise<void> => {
    const open = new Map([...spans].map(([partition, { from }]) => [partition, from]));
    while (open.size > 0) {
      for (const [partition, from] of open) {
        signal.throwIfAborted();
        const to = spans.get(partition)?.to ?? 0n;
        const { records, low } = this.#partition(topic, partition);
        const start = from < low ? low : from;
        const rest = records.filter(({ offset }) => offset >= start && offset < to);
        const some = rest.slice(0, this.batchRecords);
        const nextOffset = rest.length > some.length ? (some.at(-1)?.offset ?? to - 1n) + 1n : to;
        await visit({ partition, records: some, startOffset: start, nextOffset });
        if (nextOffset >= to) open.delete(partition);
        else open.set(partition, nextOffset);
      }
    }
  };

  #partition(topic: string, partition: number): Partition {
    const partitions = this.#topics.get(topic) ?? new Map<number, Partition>();
    this.#topics.set(topic, partitions);
    const found = partitions.get(partition) ?? { low: 0n, high: 0n, records: [] };
    partitions.set(partition, found);
    return found;
  }
}
