import { Bytes, lowCardinality, UINT32 } from '../shared/clickhouse/native.js';
import type { Interner } from './interner.js';
import { controlIn, highBitsIn, kindOfByte, kindsOf } from './text-kinds.js';

const ROWS_AT_FIRST = 4096;
const NOT_PLACED = -1;
const NULL = -1;
const UINT256_INTS = 8;
/** So many digits are two numbers that a double holds. */
const DIGITS_OF_HALF = 9;
const HALF = 1_000_000_000;
const UINT16 = 0x10000;

/** Text, each value copied from the bytes of a record. */
export class TextColumn {
  readonly bytes = new Bytes(1 << 16);
  readonly nulls: Bytes | null;
  #rowStart = 0;

  constructor(readonly nullable: boolean) {
    this.nulls = nullable ? new Bytes(ROWS_AT_FIRST) : null;
  }

  /** Returns which kinds of bytes there are in it. `from` is -1 for null. */
  add(source: DataView, from: number, to: number): number {
    const { bytes, nulls } = this;
    this.#rowStart = bytes.length;
    nulls?.byte(from === NULL ? 1 : 0);
    if (from === NULL) {
      bytes.byte(0);
      return 0;
    }
    const size = to - from;
    bytes.varint(size);
    bytes.reserve(size);
    const { view } = bytes;
    let read = from;
    let at = bytes.length;
    let high = 0;
    let control = 0;
    for (let left = size >>> 2; left > 0; left -= 1) {
      const word = source.getInt32(read, true);
      view.setInt32(at, word, true);
      high |= highBitsIn(word);
      control |= controlIn(word);
      read += 4;
      at += 4;
    }
    let kinds = kindsOf(high, control);
    for (let left = size & 3; left > 0; left -= 1) {
      const byte = source.getUint8(read++);
      view.setUint8(at++, byte);
      kinds |= kindOfByte(byte);
    }
    bytes.length = at;
    return kinds;
  }

  /** Takes the value that was added last back. */
  undo(): void {
    this.bytes.length = this.#rowStart;
    if (this.nulls !== null) this.nulls.length -= 1;
  }

  write(out: Bytes): void {
    if (this.nulls !== null) out.append(this.nulls.buffer, this.nulls.length);
    out.append(this.bytes.buffer, this.bytes.length);
    this.bytes.clear();
    this.nulls?.clear();
  }
}

/** Names that come again and again: a dictionary, and for each row the place in it. */
export class NameColumn {
  #places = new Uint32Array(ROWS_AT_FIRST);
  readonly #placeOf: Int32Array;
  #ids: number[] = [];

  constructor(
    private readonly interner: Interner,
    readonly nullable: boolean,
  ) {
    this.#placeOf = new Int32Array(interner.capacity).fill(NOT_PLACED);
  }

  /** @param id number of the name, -1 for null */
  set(row: number, id: number): void {
    if (row >= this.#places.length) this.#places = grown(this.#places);
    if (id === NULL) {
      this.#places[row] = 0;
      return;
    }
    let place = this.#placeOf[id] as number;
    if (place === NOT_PLACED) {
      place = this.#ids.length + (this.nullable ? 1 : 0);
      this.#placeOf[id] = place;
      this.#ids.push(id);
    }
    this.#places[row] = place;
  }

  write(out: Bytes, rowCount: number): void {
    const texts = this.#ids.map((id) => this.interner.textOf(id));
    const dictionary = this.nullable ? ['', ...texts] : texts;
    lowCardinality(out, dictionary, { places: this.#places, rowCount });
    for (const id of this.#ids) this.#placeOf[id] = NOT_PLACED;
    this.#ids = [];
  }
}

/** Whole numbers of at least 0 in 64 bits each, which a double holds exactly. */
export class LongColumn {
  #ints = new Uint32Array(ROWS_AT_FIRST * 2);

  set(row: number, value: number): void {
    if (row * 2 >= this.#ints.length) this.#ints = grown(this.#ints);
    this.#ints[row * 2] = value % UINT32;
    this.#ints[row * 2 + 1] = Math.floor(value / UINT32);
  }

  write(out: Bytes, rowCount: number): void {
    out.append(new Uint8Array(this.#ints.buffer, 0, rowCount * 8));
  }
}

/** Integers of 32 bits that may be null. */
export class IntColumn {
  #ints = new Int32Array(ROWS_AT_FIRST);
  readonly #nulls = new Bytes(ROWS_AT_FIRST);

  set(row: number, value: number | null): void {
    if (row >= this.#ints.length) this.#ints = grown(this.#ints);
    this.#nulls.reserve(row + 1 - this.#nulls.length);
    this.#nulls.buffer[row] = value === null ? 1 : 0;
    this.#ints[row] = value ?? 0;
    this.#nulls.length = row + 1;
  }

  write(out: Bytes, rowCount: number): void {
    out.append(this.#nulls.buffer, rowCount);
    out.append(new Uint8Array(this.#ints.buffer, 0, rowCount * 4));
    this.#nulls.clear();
  }
}

/** Amounts of 256 bits that may be null, from decimal digits. */
export class AmountColumn {
  #ints = new Uint32Array(ROWS_AT_FIRST * UINT256_INTS);
  readonly #nulls = new Bytes(ROWS_AT_FIRST);

  /** False if it is no amount, or one that only a closer look can tell. `from` is -1 for null. */
  set(row: number, source: DataView, from: number, to: number): boolean {
    const start = row * UINT256_INTS;
    if (start >= this.#ints.length) this.#ints = grown(this.#ints);
    this.#nulls.reserve(row + 1 - this.#nulls.length);
    this.#nulls.buffer[row] = from === NULL ? 1 : 0;
    this.#nulls.length = row + 1;
    this.#ints.fill(0, start, start + UINT256_INTS);
    if (from === NULL) return true;
    if (to - from > DIGITS_OF_HALF * 2 || to === from) return this.#setLong(start, source, from, to);
    const middle = Math.max(from, to - DIGITS_OF_HALF);
    const high = digits(source, from, middle);
    const low = digits(source, middle, to);
    if (high < 0 || low < 0) return false;
    // high * 10^9 + low has 60 bits: more than a double holds, so in two steps.
    const lower = (high % UINT16) * HALF + low;
    const upper = Math.floor(high / UINT16) * HALF;
    const sum = (lower % UINT32) + (upper % UINT16) * UINT16;
    this.#ints[start] = sum % UINT32;
    this.#ints[start + 1] = Math.floor(lower / UINT32) + Math.floor(upper / UINT16) + Math.floor(sum / UINT32);
    return true;
  }

  write(out: Bytes, rowCount: number): void {
    out.append(this.#nulls.buffer, rowCount);
    out.append(new Uint8Array(this.#ints.buffer, 0, rowCount * UINT256_INTS * 4));
    this.#nulls.clear();
  }

  #setLong(start: number, source: DataView, from: number, to: number): boolean {
    if (to === from || to - from > SURE_DIGITS_MAX || digits(source, from, to) < 0) return false;
    let rest = BigInt(Buffer.from(source.buffer, from, to - from).toString('latin1'));
    for (let i = start; rest > 0n; i += 1) {
      this.#ints[i] = Number(rest & 0xffffffffn);
      rest >>= 32n;
    }
    return true;
  }
}

/** With one digit more it may be greater than 2^256 - 1. */
const SURE_DIGITS_MAX = 77;

/** The number that some digits are (not exact beyond 15), or -1 if one of them is none. */
function digits(source: DataView, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i += 1) {
    const digit = source.getUint8(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Twice as long, with what is in it. */
export function grown<T extends Uint32Array | Int32Array>(ints: T): T {
  const larger = new (ints.constructor as new (length: number) => T)(ints.length * 2);
  larger.set(ints);
  return larger;
}
