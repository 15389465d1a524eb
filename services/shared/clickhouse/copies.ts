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

/** Shared hashes that are looked into at once. Many are rare: a source that sends all of its past again. */
const PAGE = 5_000;
/** Nobody waits for a pass but the horizon: it leaves the other cores to inserts and questions. */
const THREADS = 1;
/** Numbers of 20 digits in one statement, of which the server takes 256 KiB. */
const LISTED_MAX = 10_000;

/**
 * Finds copies by their hashes, which are columns: a pass reads 8 bytes a record instead of whole ids. That two ids have one
 * hash is possible, and harmless: the ids themselves decide.
 */
export function clickHouseCopies(database: Pick<ClickHouse, 'select'>): Copies {
  return {
    async *sharing(stream, spans) {
      for (const hash of hashesOf(stream)) {
        for (let after: string | null = null, more = true; more;) {
          const page: string[] = await sharedHashes(database, stream, { hash, spans, after });
          if (page.length > 0) yield await closed(database, stream, { [hash]: page });
          after = page.at(-1) ?? null;
          more = page.length === PAGE;
        }
      }
    },

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

/** The next hashes of the spans, in their order, that records at several positions have. */
async function sharedHashes(
  database: Pick<ClickHouse, 'select'>,
  stream: Stream,
  { hash, spans, after }: { hash: Hash; spans: readonly Span[]; after: string | null },
): Promise<string[]> {
  const table = FACT_TABLES[stream];
  // Copies of one event mostly name one inference, and are found by their event.
  const several =
    hash === 'event_hash'
      ? 'min(partition) != max(partition) OR min(offset) != max(offset)'
      : 'min(event_hash) != max(event_hash)';
  const rows = await database.select<{ hash: string }>(
    `SELECT ${hash} AS hash FROM ${table}
     WHERE ${hash} IN (SELECT ${hash} FROM ${table} WHERE ${within(spans)}) ${after === null ? '' : `AND ${hash} > ${whole(after)}`}
     GROUP BY ${hash} HAVING ${several} ORDER BY ${hash} LIMIT ${PAGE}
     SETTINGS max_threads = ${THREADS}`,
  );
  return rows.map((row) => row.hash);
}

/** All records with these hashes, and all that share an event or an inference with one of them. */
async function closed(database: Pick<ClickHouse, 'select'>, stream: Stream, hashes: Hashes): Promise<Fact<Copy>[]> {
  const facts = new Map<string, Fact<Copy>>();
  const asked: Readonly<Record<Hash, Set<string>>> = { event_hash: new Set(), inference_hash: new Set() };
  for (let open: Hashes = hashes; Object.keys(open).length > 0;) {
    const found: Record<Hash, Set<string>> = { event_hash: new Set(), inference_hash: new Set() };
    for (const [hash, list] of Object.entries(open) as [Hash, readonly string[]][]) {
      for (const one of list) asked[hash].add(one);
      for (let i = 0; i < list.length; i += LISTED_MAX) {
        for (const row of await copiesWith(database, stream, hash, list.slice(i, i + LISTED_MAX))) {
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
  hash: Hash,
  hashes: readonly string[],
): Promise<CopyRow[]> {
  return database.select<CopyRow>(
    `SELECT partition, offset, toUnixTimestamp64Milli(appended_at) AS appended_ms, key, event_id,
       ${SUBJECT_COLUMNS[stream]} AS subject_id, hex(SHA256(toString(tuple(${contentColumns(stream)})))) AS content,
       ${hashesOf(stream).join(', ')}
     FROM ${FACT_TABLES[stream]} WHERE ${hash} IN (${hashes.map(whole).join(', ')})
     LIMIT 1 BY partition, offset`,
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
