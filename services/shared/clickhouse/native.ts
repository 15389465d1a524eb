/**
 * ClickHouse's Native format: a block is its number of columns and rows, then for each column its name, its type and
 * its values. A value of a nested type is spread over several streams, one behind the other:
 *
 *   Nullable(T)       one byte a value (1: null), then T
 *   Array(T)          the end of each array among all elements, then T of all elements
 *   Tuple(A, B)       A of all, then B of all
 *   LowCardinality(T) a dictionary of T, then the place of each value in it
 */

/** Bytes that grow as they are written. Kept from block to block: memory is taken from the system once. */
export class Bytes {
  buffer: Buffer;
  /** The same memory, for whoever goes through it in words. */
  view: DataView;
  length = 0;

  constructor(capacity = 4096) {
    this.buffer = Buffer.allocUnsafeSlow(capacity);
    this.view = new DataView(this.buffer.buffer);
  }

  /** Makes room for so many bytes behind what is there. */
  reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + count));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  varint(value: number): void {
    this.reserve(VARINT_BYTES_MAX);
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.length++] = rest;
  }

  uint32(value: number): void {
    this.reserve(4);
    this.length = this.buffer.writeUInt32LE(value, this.length);
  }

  /** A whole number of at least 0 that a double holds exactly. */
  uint64(value: number): void {
    this.reserve(8);
    this.length = this.buffer.writeUInt32LE(value % UINT32, this.length);
    this.length = this.buffer.writeUInt32LE(Math.floor(value / UINT32), this.length);
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.varint(size);
    this.reserve(size);
    this.length += this.buffer.write(value, this.length);
  }

  append(bytes: Uint8Array, length = bytes.length): void {
    this.reserve(length);
    this.buffer.set(length === bytes.length ? bytes : bytes.subarray(0, length), this.length);
    this.length += length;
  }

  clear(): void {
    this.length = 0;
  }
}

const VARINT_BYTES_MAX = 5;
export const UINT32 = 2 ** 32;

/** The type of a column whose values are encoded one by one; see `valueEncoder`. */
export type Shape =
  | 'String'
  | 'UInt32'
  | 'Bool'
  | 'DateTime64(3)'
  | { readonly nullable: Shape }
  | { readonly array: Shape }
  | { readonly tuple: Readonly<Record<string, Shape>> };

/** One value, by streams: bytes, or of arrays the number of elements of each. */
export type Streams = (Buffer | readonly number[])[];

export function typeName(shape: Shape): string {
  if (shape === 'DateTime64(3)') return "DateTime64(3, 'UTC')";
  if (typeof shape === 'string') return shape;
  if ('nullable' in shape) return `Nullable(${typeName(shape.nullable)})`;
  if ('array' in shape) return `Array(${typeName(shape.array)})`;
  const fields = Object.entries(shape.tuple).map(([name, field]) => `${name} ${typeName(field)}`);
  return `Tuple(${fields.join(', ')})`;
}

/** Spreads a value over the streams of its type. */
export function streamsOf(shape: Shape, value: unknown): Streams {
  const open: (Bytes | number[])[] = [];
  spread(shape, [value], open);
  return open.map((stream) =>
    stream instanceof Bytes ? Buffer.from(stream.buffer.subarray(0, stream.length)) : stream,
  );
}

function spread(shape: Shape, values: readonly unknown[], open: (Bytes | number[])[]): void {
  if (typeof shape === 'string') {
    const bytes = new Bytes(64);
    open.push(bytes);
    for (const value of values) plain(shape, value, bytes);
  } else if ('nullable' in shape) {
    const nulls = new Bytes(8);
    open.push(nulls);
    for (const value of values) nulls.byte(value === null ? 1 : 0);
    spread(shape.nullable, values, open);
  } else if ('array' in shape) {
    open.push(values.map((value) => (value as readonly unknown[]).length));
    spread(shape.array, values.flat(), open);
  } else {
    for (const [name, field] of Object.entries(shape.tuple)) {
      spread(field, values.map((value) => (value as Record<string, unknown>)[name]), open); // prettier-ignore
    }
  }
}

function plain(shape: Shape & string, value: unknown, bytes: Bytes): void {
  if (shape === 'String') bytes.text((value as string | null) ?? '');
  else if (shape === 'UInt32') bytes.uint32((value as number | null) ?? 0);
  else if (shape === 'Bool') bytes.byte(value === true ? 1 : 0);
  else bytes.uint64((value as number | null) ?? 0);
}

const LOW_CARDINALITY_VERSION = 1;
// The dictionary comes with the block, and there is no other.
const OWN_DICTIONARY = 0x600;
const PLACES_OF_ONE_BYTE = 0;
const PLACES_OF_TWO_BYTES = 1;
const PLACES_OF_FOUR_BYTES = 2;

/** A column of LowCardinality(String), or of nullable ones when the first entry of the dictionary stands for null. */
export function lowCardinality(
  out: Bytes,
  dictionary: readonly string[],
  { places, rowCount }: { readonly places: Uint32Array; readonly rowCount: number },
): void {
  const width = dictionary.length <= 0x100 ? 1 : dictionary.length <= 0x10000 ? 2 : 4;
  const kind = { 1: PLACES_OF_ONE_BYTE, 2: PLACES_OF_TWO_BYTES, 4: PLACES_OF_FOUR_BYTES }[width];
  out.uint64(LOW_CARDINALITY_VERSION);
  out.uint64(OWN_DICTIONARY + kind);
  out.uint64(dictionary.length);
  for (const text of dictionary) out.text(text);
  out.uint64(rowCount);
  out.reserve(rowCount * width);
  const { buffer } = out;
  let at = out.length;
  for (let row = 0; row < rowCount; row += 1) {
    const place = places[row] as number;
    buffer[at++] = place;
    if (width > 1) buffer[at++] = place >>> 8;
    if (width > 2) {
      buffer[at++] = place >>> 16;
      buffer[at++] = place >>> 24;
    }
  }
  out.length = at;
}
