import { Bytes, lowCardinality, streamsOf, typeName, type Shape, type Streams } from '../shared/clickhouse/native.js';
import { grown, LongColumn } from './columns.js';
import type { VerdictColumns } from './to-row.js';
import type { KnownVerdict } from './verdict-memo.js';

const CANDIDATES: Shape = {
  array: { tuple: { release: 'String', share_bp: 'UInt32', activation: { nullable: 'UInt32' } } },
};
const TEXTS: Shape = { array: 'String' };
const TEXT_OR_NULL: Shape = { nullable: 'String' };

/** Few values each: a dictionary, and a place in it for each row. */
const NAMES = ['status', 'release', 'phase', 'basis', 'blob_status'] as const;
const NULLABLE_NAMES: ReadonlySet<string> = new Set(['release', 'phase', 'basis']);

/** As they are; `findings` and `blob_releases` become LowCardinality when they are inserted. */
const PLAIN = {
  activation: { nullable: 'UInt32' },
  candidates: CANDIDATES,
  near_boundary: 'Bool',
  findings: TEXTS,
  blob_releases: TEXTS,
} as const satisfies Record<string, Shape>;

/** A record of `earlier`, in the order of the columns' own type. */
const EARLIER: Shape = {
  array: {
    tuple: {
      known_at: 'DateTime64(3)',
      status: 'String',
      release: TEXT_OR_NULL,
      activation: { nullable: 'UInt32' },
      phase: TEXT_OR_NULL,
      basis: TEXT_OR_NULL,
      candidates: CANDIDATES,
      near_boundary: 'Bool',
      findings: TEXTS,
      blob_status: 'String',
      blob_releases: TEXTS,
    },
  },
};

export const VERDICT_COLUMNS = [...NAMES, ...Object.keys(PLAIN), 'earlier', 'known_at'];

/** A verdict as bytes, made once for all rows that have it. */
interface Encoded {
  readonly verdict: KnownVerdict;
  readonly plain: readonly Streams[];
  /** By the append time of the record: that is where its history begins. */
  readonly earlier: Map<number, Streams>;
  /** The block it was last used in, and its number there. */
  block: number;
  number: number;
}

const PLAIN_SHAPES: readonly [string, Shape][] = Object.entries(PLAIN);
const NO_HISTORY = streamsOf(EARLIER, []);
const APPEND_TIMES_MAX = 256;
const ROWS_AT_FIRST = 4096;

/** What is said of the rows of a block. */
export class VerdictBlock {
  readonly #encoded = new WeakMap<KnownVerdict, Encoded>();
  #block = 0;
  /** The verdicts of the block, each once, and for each row the number of its own. */
  #used: Encoded[] = [];
  #numbers = new Uint32Array(ROWS_AT_FIRST);
  readonly #knownAt = new LongColumn();
  /** Histories of rows that have one, by row. */
  readonly #earlier = new Map<number, Streams>();

  set(row: number, verdict: KnownVerdict, appendedAtMs: number): void {
    const encoded = this.#encode(verdict);
    if (encoded.block !== this.#block) {
      encoded.block = this.#block;
      encoded.number = this.#used.length;
      this.#used.push(encoded);
    }
    if (row >= this.#numbers.length) this.#numbers = grown(this.#numbers);
    this.#numbers[row] = encoded.number;
    const isFirst = verdict.earlier.length === 0;
    this.#knownAt.set(row, isFirst ? appendedAtMs : verdict.newest.known_at);
    if (!isFirst) this.#earlier.set(row, earlierOf(encoded, appendedAtMs));
  }

  write(out: Bytes, rowCount: number): void {
    for (const name of NAMES) this.#writeNames(out, name, rowCount);
    for (const [i, [name, shape]] of PLAIN_SHAPES.entries()) {
      header(out, name, typeName(shape));
      const used = this.#used.map(({ plain }) => plain[i] as Streams);
      for (let stream = 0; stream < (used[0]?.length ?? 0); stream += 1) {
        const parts = used.map((streams) => streams[stream] as Streams[number]);
        if (parts[0] instanceof Uint8Array) this.#writeBytes(out, parts as Buffer[], rowCount);
        else this.#writeEnds(out, parts as number[][], rowCount);
      }
    }
    header(out, 'earlier', typeName(EARLIER));
    this.#writeEarlier(out, rowCount);
    header(out, 'known_at', typeName('DateTime64(3)'));
    this.#knownAt.write(out, rowCount);
    this.#earlier.clear();
    this.#used = [];
    this.#block += 1;
  }

  #encode(verdict: KnownVerdict): Encoded {
    let encoded = this.#encoded.get(verdict);
    if (encoded === undefined) {
      const columns: Readonly<Record<string, unknown>> = verdict.newest;
      const plain = PLAIN_SHAPES.map(([name, shape]) => streamsOf(shape, columns[name]));
      encoded = { verdict, plain, earlier: new Map(), block: -1, number: 0 };
      this.#encoded.set(verdict, encoded);
    }
    return encoded;
  }

  #writeNames(out: Bytes, name: (typeof NAMES)[number], rowCount: number): void {
    const nullable = NULLABLE_NAMES.has(name);
    const dictionary = new Map<string | null, number>(nullable ? [[null, 0]] : []);
    const placeOf = this.#used.map(({ verdict }) => {
      const value = verdict.newest[name];
      const place = dictionary.get(value) ?? dictionary.size;
      dictionary.set(value, place);
      return place;
    });
    const places = new Uint32Array(rowCount);
    for (let row = 0; row < rowCount; row += 1) places[row] = placeOf[this.#numbers[row] as number] as number;
    header(out, name, nullable ? 'LowCardinality(Nullable(String))' : 'LowCardinality(String)');
    const texts = [...dictionary.keys()].map((text) => text ?? '');
    lowCardinality(out, texts, { places, rowCount });
  }

  /** The bytes of the verdict of each row, one behind the other. */
  #writeBytes(out: Bytes, parts: readonly Buffer[], rowCount: number): void {
    const starts = new Uint32Array(parts.length + 1);
    for (const [i, part] of parts.entries()) starts[i + 1] = (starts[i] as number) + part.length;
    const table = Buffer.concat(parts);
    const numbers = this.#numbers;
    let size = 0;
    for (let row = 0; row < rowCount; row += 1) {
      const number = numbers[row] as number;
      size += (starts[number + 1] as number) - (starts[number] as number);
    }
    out.reserve(size);
    const { buffer } = out;
    let at = out.length;
    for (let row = 0; row < rowCount; row += 1) {
      const number = numbers[row] as number;
      const end = starts[number + 1] as number;
      for (let i = starts[number] as number; i < end; i += 1) buffer[at++] = table[i] as number;
    }
    out.length = at;
  }

  /** Where the array of each row ends among the elements of all. */
  #writeEnds(out: Bytes, sizes: readonly (readonly number[])[], rowCount: number): void {
    const table = Uint32Array.from(sizes, ([size]) => size ?? 0);
    out.reserve(rowCount * 8);
    const { buffer } = out;
    let at = out.length;
    let end = 0;
    for (let row = 0; row < rowCount; row += 1) {
      end += table[this.#numbers[row] as number] as number;
      at = buffer.writeUInt32LE(end, at);
      at = buffer.writeUInt32LE(0, at);
    }
    out.length = at;
  }

  #writeEarlier(out: Bytes, rowCount: number): void {
    if (this.#earlier.size === 0) {
      out.reserve(rowCount * 8);
      out.buffer.fill(0, out.length, out.length + rowCount * 8);
      out.length += rowCount * 8;
      return;
    }
    for (let stream = 0; stream < NO_HISTORY.length; stream += 1) {
      let end = 0;
      for (let row = 0; row < rowCount; row += 1) {
        const part = (this.#earlier.get(row) ?? NO_HISTORY)[stream] as Streams[number];
        if (part instanceof Uint8Array) out.append(part);
        else for (const size of part) out.uint64((end += size));
      }
    }
  }
}

/** Name and type, as they stand before the values of a column. */
export function header(out: Bytes, name: string, type: string): void {
  out.text(name);
  out.text(type);
}

function earlierOf(encoded: Encoded, appendedAtMs: number): Streams {
  let streams = encoded.earlier.get(appendedAtMs);
  if (streams === undefined) {
    if (encoded.earlier.size >= APPEND_TIMES_MAX) encoded.earlier.clear();
    const [first, ...others] = encoded.verdict.earlier as [VerdictColumns, ...VerdictColumns[]];
    streams = streamsOf(EARLIER, [{ ...first, known_at: appendedAtMs }, ...others]);
    encoded.earlier.set(appendedAtMs, streams);
  }
  return streams;
}
