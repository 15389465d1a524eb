import { hash } from 'node:crypto';

import { HEADER_BYTES, schemaIdOf } from '../shared/kafka/wire.js';
import type { LogRecord } from '../shared/runtime/ports.js';

/** What was read of a partition: equal for equal records, in whatever parts they came. */
export interface ReadSoFar {
  readonly records: number;
  /** Sum of the SHA-256 of all records, modulo 2^256, in hex: position, append time, key, value, headers. */
  readonly content: string;
  /** Schema ids that the values name, sorted. */
  readonly schemaIds: readonly number[];
}

export const NOTHING_READ: ReadSoFar = { records: 0, content: '0'.repeat(64), schemaIds: [] };

/** The sum as digits of 32 bits: they have room for two million additions before they have to be carried. */
const DIGITS = 8;
const DIGIT = 2 ** 32;
const ADDITIONS_MAX = 2 ** 20;
const POSITION_BYTES = 16;
const LENGTH_BYTES = 4;

/**
 * Adds up what is read, to be compared with another reading of the same offsets. A sum, because a run that was cut off goes on
 * with the number that it had, and the hash of a stream cannot be put away.
 */
export class LogContent {
  /** Where records are framed, one after the other. */
  static #bytes = Buffer.alloc(4_096);

  readonly #digits = new Float64Array(DIGITS);
  readonly #schemaIds: Set<number>;
  #records: number;
  #additions = 0;

  constructor({ records, content, schemaIds }: ReadSoFar = NOTHING_READ) {
    this.#records = records;
    this.#schemaIds = new Set(schemaIds);
    const sum = Buffer.from(content, 'hex');
    for (let i = 0; i < DIGITS; i += 1) this.#digits[i] = sum.readUInt32BE((DIGITS - 1 - i) * 4);
  }

  add(record: LogRecord): void {
    const sum = hash('sha256', this.#framed(record), 'buffer');
    for (let i = 0; i < DIGITS; i += 1) {
      this.#digits[i] = (this.#digits[i] as number) + sum.readUInt32BE((DIGITS - 1 - i) * 4);
    }
    this.#records += 1;
    this.#additions += 1;
    if (this.#additions >= ADDITIONS_MAX) this.#carry();
    const { value } = record;
    if (value !== null && value.length >= HEADER_BYTES) {
      const id = schemaIdOf(value);
      if (typeof id === 'number') this.#schemaIds.add(id);
    }
  }

  get soFar(): ReadSoFar {
    this.#carry();
    const sum = Buffer.alloc(DIGITS * 4);
    for (let i = 0; i < DIGITS; i += 1) sum.writeUInt32BE(this.#digits[i] as number, (DIGITS - 1 - i) * 4);
    return {
      records: this.#records,
      content: sum.toString('hex'),
      schemaIds: [...this.#schemaIds].sort((a, b) => a - b),
    };
  }

  #carry(): void {
    let carried = 0;
    for (let i = 0; i < DIGITS; i += 1) {
      const digit = (this.#digits[i] as number) + carried;
      this.#digits[i] = digit % DIGIT;
      carried = Math.floor(digit / DIGIT);
    }
    this.#additions = 0;
  }

  /** The record as one piece: whatever has a length is behind it, so no two records give the same bytes. */
  #framed({ offset, appendedAtMs, key, value, headers }: LogRecord): Buffer {
    const parts = [key, value, ...headers.flatMap(({ name, value: text }) => [Buffer.from(name), text])];
    const size = parts.reduce((sum, part) => sum + LENGTH_BYTES + (part?.length ?? 0), POSITION_BYTES);
    if (size > LogContent.#bytes.length) LogContent.#bytes = Buffer.alloc(2 * size);
    const bytes = LogContent.#bytes;
    bytes.writeBigUInt64BE(offset, 0);
    bytes.writeBigInt64BE(BigInt(appendedAtMs), 8);
    let at = POSITION_BYTES;
    for (const part of parts) {
      bytes.writeInt32BE(part?.length ?? -1, at);
      at += LENGTH_BYTES;
      if (part !== null) at += part.copy(bytes, at);
    }
    return bytes.subarray(0, at);
  }
}
