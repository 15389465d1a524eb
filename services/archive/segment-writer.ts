import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { TimedRecord } from '../shared/kafka/span-reader.js';
import { schemaIdOf } from '../shared/kafka/wire.js';
import { recordEncoder, toFileRecord } from './container.js';
import { translated } from './folder-store.js';
import type { Segment } from './manifest.js';

/** When a segment has enough, whichever is first. */
export interface SegmentLimits {
  readonly records: number;
  /** Of keys, values and headers, before compression. */
  readonly bytes: number;
}

export interface SegmentStart {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
}

/** All that is said of a segment but for its name and schemas. */
export type Written = Pick<
  Segment,
  'records' | 'bytes' | 'sha256' | 'appended_from_ms' | 'appended_until_ms' | 'missing'
> & { readonly schemaIds: ReadonlySet<number> };

/** Values name one or two schemas; whoever sends thousands gets more segments, not a larger manifest entry. */
const SCHEMA_IDS_MAX = 1_000;

/**
 * Writes one file, of which nobody knows the end yet. Memory is bounded: a block before and one behind compression. The same
 * records from the same offset give the same bytes.
 */
export class SegmentWriter {
  readonly #encoder: Duplex;
  readonly #hash = createHash('sha256');
  readonly #done: Promise<void>;
  readonly #schemaIds = new Set<number>();
  readonly #missing: [string, string][] = [];
  #lastSchema: number | string = '';
  #next: bigint;
  #records = 0;
  #gathered = 0;
  #bytes = 0;
  #fromMs: number | null = null;
  #untilMs: number | null = null;

  constructor(
    start: SegmentStart,
    private readonly limits: SegmentLimits,
    readonly path: string,
  ) {
    const { topic, partition, from } = start;
    this.#next = from;
    const name = `${topic}/${String(partition)}/${from.toString()}`;
    this.#encoder = recordEncoder(name, createHash('sha256').update(name).digest());
    // `flush`: the file is on the disk before it gets its name.
    this.#done = pipeline(this.#encoder, this.#counted(), createWriteStream(path, { flush: true }));
    // Whoever writes or closes hears of it.
    this.#done.catch(() => undefined);
  }

  get isFull(): boolean {
    const { records, bytes } = this.limits;
    return this.#records >= records || this.#gathered >= bytes || this.#schemaIds.size >= SCHEMA_IDS_MAX;
  }

  /** Null when it was taken; else it is to be waited for. */
  add(record: TimedRecord): Promise<void> | null {
    const { offset, appendedAtMs, value } = record;
    this.#skipTo(offset);
    this.#next = offset + 1n;
    this.#records += 1;
    this.#gathered += sizeOf(record);
    if (this.#fromMs === null || appendedAtMs < this.#fromMs) this.#fromMs = appendedAtMs;
    if (this.#untilMs === null || appendedAtMs > this.#untilMs) this.#untilMs = appendedAtMs;
    const id = schemaIdOf(value);
    if (id !== this.#lastSchema && typeof id === 'number') this.#schemaIds.add(id);
    this.#lastSchema = id;
    return this.#encoder.write(toFileRecord(record)) ? null : this.#drained();
  }

  /** The file is whole, and on the disk. */
  async close(to: bigint): Promise<Written> {
    this.#skipTo(to);
    this.#encoder.end();
    await this.#done.catch((error: unknown) => Promise.reject(translated(this.path, error)));
    return {
      records: this.#records,
      bytes: this.#bytes,
      sha256: this.#hash.digest('hex'),
      appended_from_ms: this.#fromMs,
      appended_until_ms: this.#untilMs,
      missing: this.#missing,
      schemaIds: this.#schemaIds,
    };
  }

  async discard(): Promise<void> {
    this.#encoder.destroy();
    await this.#done.catch(() => undefined);
    await rm(this.path, { force: true });
  }

  #skipTo(offset: bigint): void {
    if (offset > this.#next) this.#missing.push([this.#next.toString(), offset.toString()]);
  }

  async #drained(): Promise<void> {
    // A file that cannot be written never drains.
    await Promise.race([once(this.#encoder, 'drain'), this.#done]).catch((error: unknown) =>
      Promise.reject(translated(this.path, error)),
    );
  }

  #counted(): (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
    const count = (chunk: Buffer): void => {
      this.#hash.update(chunk);
      this.#bytes += chunk.length;
    };
    return async function* counted(chunks) {
      for await (const chunk of chunks) {
        count(chunk);
        yield chunk;
      }
    };
  }
}

function sizeOf({ key, value, headers }: TimedRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.name.length + (header.value?.length ?? 0);
  return bytes;
}
