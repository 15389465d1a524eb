import type { Stream } from '../core/record.js';
import type { ClickHouse } from './client.js';
import { FACT_TABLES } from './fact-rows.js';

type Database = Pick<ClickHouse, 'select'>;

/** The partitions of a topic, each with the offset below which everything should be accounted for. */
export interface Accounted {
  readonly stream: Stream;
  readonly topic: string;
  readonly below: ReadonlyMap<number, bigint>;
}

/** What became of the offsets of a partition. No offset is in two of these, but conflicts are ignored records too. */
export interface Account {
  /** Records that count. */
  readonly applied: bigint;
  /** Records that do not: copies of an event, and further events about an inference. */
  readonly duplicate: bigint;
  /** Of those, copies that say something else than the one that counts. */
  readonly conflicts: bigint;
  readonly deadLettered: bigint;
  /** Offsets without a record, as declared. */
  readonly gaps: bigint;
}

export interface OffsetRange {
  readonly from: bigint;
  /** The offset after the last one. */
  readonly to: bigint;
}

export interface Conflict {
  readonly partition: number;
  readonly offset: string;
  readonly event_id: string;
  readonly of_partition: number;
  readonly of_offset: string;
}

/** Accounts for a topic: counts positions, not rows, so that what was delivered twice is one. */
export async function accountFor(database: Database, what: Accounted): Promise<ReadonlyMap<number, Account>> {
  if (positions(what) === null) return new Map();
  const [facts, copies, letters, gaps] = await Promise.all([
    counts(database, factsSql(what), what),
    counts(database, copiesSql(what), what),
    counts(database, deadLettersSql(what), what),
    counts(database, gapsSql(what), what),
  ]);
  return new Map(
    [...what.below.keys()].map((partition) => {
      const count = (from: ReadonlyMap<number, Counted>): Counted => from.get(partition) ?? { n: 0n, conflicts: 0n };
      const { n: duplicate, conflicts } = count(copies);
      const [deadLettered, declared] = [count(letters).n, count(gaps).n];
      return [partition, { applied: count(facts).n - duplicate, duplicate, conflicts, deadLettered, gaps: declared }];
    }),
  );
}

interface Counted {
  readonly n: bigint;
  readonly conflicts: bigint;
}

async function counts(
  database: Database,
  sql: string,
  { topic, stream }: Accounted,
): Promise<ReadonlyMap<number, Counted>> {
  const rows = await database.select<{ partition: number; n: string; conflicts: string }>(sql, { topic, stream });
  return new Map(rows.map((row) => [row.partition, { n: BigInt(row.n), conflicts: BigInt(row.conflicts) }]));
}

function factsSql(what: Accounted): string {
  return `SELECT partition, groupBitmap(offset) AS n, 0 AS conflicts
    FROM ${FACT_TABLES[what.stream]} WHERE ${positions(what) ?? '0'} GROUP BY partition`;
}

function copiesSql(what: Accounted): string {
  return `SELECT partition, count() AS n, countIf(finding = 'EVENT_ID_CONFLICT') AS conflicts
    FROM copies WHERE stream = {stream:String} AND (${positions(what) ?? '0'})
      AND (partition, offset) IN (SELECT partition, offset FROM ${FACT_TABLES[what.stream]}
        WHERE (partition, offset) IN (SELECT partition, offset FROM copies WHERE stream = {stream:String}))
    GROUP BY partition`;
}

/** A record that was refused once and accepted after a group was set back is a fact. */
function deadLettersSql(what: Accounted): string {
  const letters = `SELECT partition, offset FROM dead_letter_rows WHERE topic = {topic:String}`;
  return `SELECT partition, groupBitmap(offset) AS n, 0 AS conflicts FROM dead_letter_rows
    WHERE topic = {topic:String} AND (${positions(what) ?? '0'}) AND (partition, offset) NOT IN (
      SELECT partition, offset FROM ${FACT_TABLES[what.stream]} WHERE (partition, offset) IN (${letters}))
    GROUP BY partition`;
}

/**
 * Gaps are declared by whoever reads past them, so they may overlap each other, and hold records that were applied, not
 * committed, and then deleted by retention. What is left of each is what no earlier gap and no record takes.
 */
function gapsSql(what: Accounted): string {
  const end = `transform(partition, [${[...what.below.keys()].join(', ')}], [${[...what.below.values()]
    .map((offset) => `toUInt64(${offset})`)
    .join(', ')}], toUInt64(0))`;
  const pieces = `SELECT partition, greatest(from_offset, before) AS first, stop FROM (
      SELECT partition, from_offset, least(to_offset, ${end}) AS stop, max(to_offset) OVER (PARTITION BY partition
        ORDER BY from_offset, to_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
      FROM gaps WHERE topic = {topic:String}) WHERE stop > greatest(from_offset, before)`;
  const records = `SELECT partition, offset FROM ${FACT_TABLES[what.stream]} WHERE ${positions(what) ?? '0'}
      AND partition IN (SELECT partition FROM gaps WHERE topic = {topic:String})
    UNION ALL SELECT partition, offset FROM dead_letter_rows WHERE topic = {topic:String} AND (${positions(what) ?? '0'})`;
  return `SELECT partition, toUInt64(sum(declared)) - toUInt64(sum(taken)) AS n, 0 AS conflicts FROM (
      SELECT partition, sum(stop - first) AS declared, 0 AS taken FROM (${pieces}) GROUP BY partition
      UNION ALL
      SELECT r.partition AS partition, 0 AS declared, groupBitmapIf(r.offset, r.offset < g.stop) AS taken
      FROM (${records}) AS r ASOF JOIN (${pieces}) AS g ON r.partition = g.partition AND r.offset >= g.first
      GROUP BY partition)
    GROUP BY partition`;
}

/** Offsets that are sorted at once to find what is missing between them. */
const WINDOW = 4_000_000n;

/** The ranges of a partition that no fact, dead letter or gap accounts for, up to so many. */
export async function missingRanges(
  database: Database,
  { stream, topic, partition, below }: { stream: Stream; topic: string; partition: number; below: bigint },
  limit: number,
): Promise<OffsetRange[]> {
  const found: OffsetRange[] = [];
  for (let from = 0n; from < below && found.length < limit; from += WINDOW) {
    const to = from + WINDOW < below ? from + WINDOW : below;
    const here = `partition = {partition:UInt32} AND offset >= {from:UInt64} AND offset < {to:UInt64}`;
    const covered = `SELECT offset AS start, offset + 1 AS stop FROM ${FACT_TABLES[stream]} WHERE ${here}
      UNION ALL SELECT offset, offset + 1 FROM dead_letter_rows WHERE topic = {topic:String} AND ${here}
      UNION ALL SELECT greatest(from_offset, {from:UInt64}), least(to_offset, {to:UInt64}) FROM gaps
        WHERE topic = {topic:String} AND partition = {partition:UInt32} AND to_offset > {from:UInt64} AND from_offset < {to:UInt64}
      UNION ALL SELECT {to:UInt64}, {to:UInt64}`;
    const rows = await database.select<{ missing_from: string; missing_to: string }>(
      `SELECT greatest(before, {from:UInt64}) AS missing_from, start AS missing_to FROM (
         SELECT start, max(stop) OVER (ORDER BY start, stop ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
         FROM (${covered}))
       WHERE start > greatest(before, {from:UInt64}) ORDER BY start LIMIT {limit:UInt32}`,
      { topic, partition, from: from.toString(), to: to.toString(), limit: limit - found.length },
    );
    for (const row of rows) addRange(found, { from: BigInt(row.missing_from), to: BigInt(row.missing_to) });
  }
  return found;
}

/** A range that goes on in the next window is one. */
function addRange(ranges: OffsetRange[], range: OffsetRange): void {
  const last = ranges.at(-1);
  if (last?.to === range.from) ranges[ranges.length - 1] = { from: last.from, to: range.to };
  else ranges.push(range);
}

/** Copies of events that say something else than the one that counts, in log order of their positions. */
export async function conflictsOf(database: Database, stream: Stream, limit: number): Promise<Conflict[]> {
  return database.select<Conflict>(
    `SELECT partition, offset, event_id, of_partition, of_offset FROM copies
     WHERE stream = {stream:String} AND finding = 'EVENT_ID_CONFLICT' ORDER BY partition, offset LIMIT {limit:UInt32}`,
    { stream, limit },
  );
}

/** A condition on `partition` and `offset`; null when nothing can meet it. Only numbers get into the text. */
function positions({ below }: Accounted): string | null {
  const parts = [...below].filter(([, offset]) => offset > 0n);
  if (parts.length === 0) return null;
  return parts.map(([partition, offset]) => `(partition = ${partition} AND offset < ${offset})`).join(' OR ');
}
