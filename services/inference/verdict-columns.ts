import { Bytes, lowCardinality, streamsOf, typeName, type Shape, type Streams } from '../shared/clickhouse/native.js';
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
  /** In which block it was last used, and as the how manieth verdict of it. */
  block: number;
  index: number;
}

const PLAIN_SHAPES: readonly [string, Shape][] = Object.entries(PLAIN);
const NO_HISTORY = streamsOf(EARLIER, []);
const APPEND_TIMES_MAX = 256;

/** What is said of the rows of a block. */
export class VerdictBlock {
  readonly #encoded = new WeakMap<KnownVerdict, Encoded>();
  #block = 0;
  #used: Encoded[] = [];
  readonly #rows: Encoded[] = [];
  readonly #earlier: Streams[] = [];
  readonly #knownAt: number[] = [];

  set(row: number, verdict: KnownVerdict, appendedAtMs: number): void {
    const encoded = this.#encode(verdict);
    if (encoded.block !== this.#block) {
      encoded.block = this.#block;
      encoded.index = this.#used.length;
      this.#used.push(encoded);
    }
    const isFirst = verdict.earlier.length === 0;
    this.#rows[row] = encoded;
    this.#knownAt[row] = isFirst ? appendedAtMs : verdict.newest.known_at;
    this.#earlier[row] = isFirst ? NO_HISTORY : earlierOf(encoded, appendedAtMs);
  }

  write(out: Bytes, rowCount: number): void {
    for (const name of NAMES) this.#writeNames(out, name, rowCount);
    for (const [i, [name, shape]] of PLAIN_SHAPES.entries()) {
      header(out, name, typeName(shape));
      const streams = this.#rows.map((encoded) => encoded.plain[i] as Streams);
      writeStreams(out, streams, rowCount);
    }
    header(out, 'earlier', typeName(EARLIER));
    writeStreams(out, this.#earlier, rowCount);
    header(out, 'known_at', typeName('DateTime64(3)'));
    for (let row = 0; row < rowCount; row += 1) out.uint64(this.#knownAt[row] as number);
    this.#rows.length = 0;
    this.#earlier.length = 0;
    this.#used = [];
    this.#block += 1;
  }

  #encode(verdict: KnownVerdict): Encoded {
    let encoded = this.#encoded.get(verdict);
    if (encoded === undefined) {
      const columns: Readonly<Record<string, unknown>> = verdict.newest;
      const plain = PLAIN_SHAPES.map(([name, shape]) => streamsOf(shape, columns[name]));
      encoded = { verdict, plain, earlier: new Map(), block: -1, index: 0 };
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
    for (let row = 0; row < rowCount; row += 1) places[row] = placeOf[(this.#rows[row] as Encoded).index] as number;
    header(out, name, nullable ? 'LowCardinality(Nullable(String))' : 'LowCardinality(String)');
    lowCardinality(out, [...dictionary.keys()].map((text) => text ?? ''), { places, rowCount }); // prettier-ignore
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

/** Puts the values of all rows together, stream by stream. */
function writeStreams(out: Bytes, rows: readonly Streams[], rowCount: number): void {
  const count = rows[0]?.length ?? 0;
  for (let stream = 0; stream < count; stream += 1) {
    let elements = 0;
    for (let row = 0; row < rowCount; row += 1) {
      const part = (rows[row] as Streams)[stream] as Buffer | readonly number[];
      if (part instanceof Uint8Array) appendShort(out, part);
      else for (const size of part) out.uint64((elements += size));
    }
  }
}

/** A loop is faster than a call for the few bytes that these are. */
function appendShort(out: Bytes, part: Uint8Array): void {
  const size = part.length;
  if (size === 0) return;
  out.reserve(size);
  const { buffer } = out;
  let at = out.length;
  for (let i = 0; i < size; i += 1) buffer[at++] = part[i] as number;
  out.length = at;
}
