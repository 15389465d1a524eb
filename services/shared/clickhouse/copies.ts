import { schemaOf } from '../kafka/schema-file.js';
import type { Fact, Stream } from '../core/record.js';
import type { Copies, Copy, Span } from '../runtime/settler.js';
import type { ClickHouse } from './client.js';
import { within } from './conditions.js';
import { FACT_TABLES } from './fact-rows.js';
import { SUBJECT_COLUMNS } from './store.js';

/** Columns that hold a hash of what records are told apart by. */
type Hash = 'event_hash' | 'inference_hash';
type Hashes = Readonly<Partial<Record<Hash, readonly string[]>>>;

interface CopyRow {
  readonly partition: number;
  readonly offset: string;
  readonly appended_ms: string;
  readonly key: string;
  readonly event_id: string;
  readonly subject_id: string;
  readonly content: string;
  readonly event_hash: string;
  readonly inference_hash?: string;
}

/** Shared hashes that are looked into at once: numbers of 20 digits in one statement, of which servers take 256 KiB. */
const HASHES_MAX = 5_000;
/** Records that are looked into at once. */
const RECORDS_MAX = 20_000;
/** Of an event with more copies than can be looked into, these first ones are: a source that forgets to name its events. */
const FIRST_COPIES = 1_000;
/** Nobody waits for a pass but the horizon: it leaves the other cores to inserts and questions. */
const THREADS = 1;

/**
 * Finds copies by their hashes, which are columns: a pass reads 8 bytes a record instead of whole ids. That two ids have one
 * hash is possible, and harmless: the ids themselves decide.
 */
export function clickHouseCopies(database: Pick<ClickHouse, 'select'>): Copies {
  async function* sharing(stream: Stream, spans: readonly Span[]): AsyncGenerator<readonly Fact<Copy>[]> {
    const hashes: Partial<Record<Hash, readonly string[]>> = {};
    let records = 0;
    let parts = 1;
    for (const hash of hashesOf(stream)) {
      const shared = await sharedHashes(database, stream, { hash, spans });
      if (shared.count > 0) hashes[hash] = shared.hashes;
      records += shared.records;
      parts = Math.max(parts, shared.count / HASHES_MAX, shared.records / RECORDS_MAX);
    }
    const offsets = Number(offsetsIn(spans));
    if (parts > 1 && offsets > HASHES_MAX) {
      // What was sent twice in one order lies close together. No part is so small that its hashes must fit.
      const count = Math.ceil(Math.min(parts * 1.2, offsets / HASHES_MAX));
      for (const part of partsOf(spans, count)) yield* sharing(stream, part);
    } else if (records > 0) {
      yield await closed(database, stream, { hashes, always: records > RECORDS_MAX ? spans : null });
    }
  }
  return {
    sharing,

    async appendedUntil(stream, topic, spans) {
      const last = 'SELECT partition, toUnixTimestamp64Milli(max(appended_at)) AS ms';
      const rows = await database.select<{ partition: number; ms: string }>(
        `SELECT partition, max(ms) AS ms FROM (
           ${last} FROM ${FACT_TABLES[stream]} WHERE ${within(spans)} GROUP BY partition UNION ALL
           ${last} FROM dead_letter_rows WHERE topic = {topic:String} AND (${within(spans)}) GROUP BY partition)
         GROUP BY partition`,
        { topic },
      );
      return new Map(rows.map(({ partition, ms }) => [partition, Number(ms)]));
    },
  };
}

function hashesOf(stream: Stream): readonly Hash[] {
  return stream === 'inferences' ? ['event_hash', 'inference_hash'] : ['event_hash'];
}

function offsetsIn(spans: readonly Span[]): bigint {
  return spans.reduce((sum, { from, to }) => sum + to - from, 0n);
}

/** The spans in parts, each with a piece of every span. */
function partsOf(spans: readonly Span[], count: number): Span[][] {
  const cut = ({ from, to }: Span, i: number): bigint => from + ((to - from) * BigInt(i)) / BigInt(count);
  return Array.from({ length: count }, (_, i) =>
    spans.map((span) => ({ ...span, from: cut(span, i), to: cut(span, i + 1) })).filter(({ from, to }) => from < to),
  );
}

interface Shared {
  readonly count: number;
  /** Of all of them together. */
  readonly records: number;
  /** So many as are looked into at once. */
  readonly hashes: readonly string[];
}

/** Hashes of the spans that records at several positions have. */
async function sharedHashes(
  database: Pick<ClickHouse, 'select'>,
  stream: Stream,
  { hash, spans }: { hash: Hash; spans: readonly Span[] },
): Promise<Shared> {
  const table = FACT_TABLES[stream];
  // Copies of one event mostly name one inference, and are found by their event.
  const several =
    hash === 'event_hash'
      ? 'min(partition) != max(partition) OR min(offset) != max(offset)'
      : 'min(event_hash) != max(event_hash)';
  const [row] = await database.select<{ shared: string; all: string; hashes: string[] }>(
    `SELECT count() AS shared, sum(records) AS all, groupArray(${HASHES_MAX})(hash) AS hashes FROM (
       SELECT ${hash} AS hash, count() AS records FROM ${table}
       WHERE ${hash} IN (SELECT ${hash} FROM ${table} WHERE ${within(spans)})
       GROUP BY ${hash} HAVING ${several})
     SETTINGS max_threads = ${THREADS}`,
  );
  return { count: Number(row?.shared ?? 0), records: Number(row?.all ?? 0), hashes: row?.hashes ?? [] };
}

interface Asked {
  readonly hashes: Hashes;
  /** Where every record is read, while of all others only the first of a hash are; null when all are. */
  readonly always: readonly Span[] | null;
}

/** All records with these hashes, and all that share an event or an inference with one of them. */
async function closed(
  database: Pick<ClickHouse, 'select'>,
  stream: Stream,
  { hashes, always }: Asked,
): Promise<Fact<Copy>[]> {
  const facts = new Map<string, Fact<Copy>>();
  const asked: Readonly<Record<Hash, Set<string>>> = { event_hash: new Set(), inference_hash: new Set() };
  for (let open = hashes; Object.keys(open).length > 0;) {
    const found: Record<Hash, Set<string>> = { event_hash: new Set(), inference_hash: new Set() };
    for (const [hash, list] of Object.entries(open) as [Hash, readonly string[]][]) {
      for (const one of list) asked[hash].add(one);
      for (let i = 0; i < list.length; i += HASHES_MAX) {
        const rows = await copiesWith(database, stream, { hash, list: list.slice(i, i + HASHES_MAX), always });
        for (const row of rows) {
          facts.set(`${row.partition} ${row.offset}`, toCopy(stream, row));
          for (const name of hashesOf(stream)) found[name].add(row[name] ?? '');
        }
      }
    }
    open = Object.fromEntries(
      hashesOf(stream)
        .map((hash) => [hash, [...found[hash]].filter((one) => !asked[hash].has(one))] as const)
        .filter(([, list]) => list.length > 0),
    );
  }
  return [...facts.values()];
}

async function copiesWith(
  database: Pick<ClickHouse, 'select'>,
  stream: Stream,
  { hash, list, always }: { hash: Hash; list: readonly string[]; always: Asked['always'] },
): Promise<CopyRow[]> {
  const table = FACT_TABLES[stream];
  const named = `${hash} IN (${list.map(whole).join(', ')})`;
  const first = `SELECT partition, offset FROM ${table} WHERE ${named}
    ORDER BY appended_at, key, partition, offset LIMIT ${FIRST_COPIES} BY ${hash}`;
  return database.select<CopyRow>(
    `SELECT partition, offset, toUnixTimestamp64Milli(appended_at) AS appended_ms, key, event_id,
       ${SUBJECT_COLUMNS[stream]} AS subject_id, hex(SHA256(toString(tuple(${contentColumns(stream)})))) AS content,
       ${hashesOf(stream).join(', ')}
     FROM ${table} WHERE ${named} ${always === null ? '' : `AND (${within(always)} OR (partition, offset) IN (${first}))`}
     LIMIT 1 BY partition, offset
     SETTINGS max_threads = ${THREADS}`,
  );
}

function toCopy(stream: Stream, row: CopyRow): Fact<Copy> {
  const { partition, offset, appended_ms: appended, key, event_id, subject_id, content } = row;
  return {
    record: { event_id, subject_id, content, ...(stream === 'inferences' ? { inference_id: subject_id } : {}) },
    key,
    position: { partition, offset: BigInt(offset), appendedAtMs: Number(appended) },
  };
}

/** Everything that a record says, so that two which say the same give the same text. */
function contentColumns(stream: Stream): string {
  return schemaOf(stream)
    .fields.map(({ name }) => {
      // What inference_rows call release is what we say of it.
      if (stream === 'inferences' && name === 'release') return 'claim';
      if (name === 'traffic') return 'mapSort(traffic), traffic_given';
      return name === 'targets' ? 'targets, targets_given' : `\`${name}\``;
    })
    .join(', ');
}

/** Lists of hashes are too long for parameters. Only digits get into the text. */
function whole(number: string): string {
  return BigInt(number).toString();
}
