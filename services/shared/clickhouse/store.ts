import type { Sweep } from '../core/histories.js';
import type { Fact, RecordOf, Stream } from '../core/record.js';
import { asBacktrailError, BacktrailError } from '../errors.js';
import type { EncodedRows } from '../runtime/accept.js';
import type { RowPlace } from '../runtime/reviser.js';
import type { Scope, Store, SweepRange } from '../runtime/store.js';
import { positionOf, subjectsSharingEvents } from '../runtime/subjects.js';
import type { ClickHouse, Params } from './client.js';
import { accountFor } from './completeness.js';
import { spansOf, within } from './conditions.js';
import { FACT_TABLES, factColumns, toFact, type FactRow } from './fact-rows.js';
import { clickHousePaymentReads } from './payment-reads.js';
import { readLeftAt } from './progress-rows.js';

/** The column that says what a record is about. */
export const SUBJECT_COLUMNS: { readonly [S in Stream]: string } = {
  releases: 'model_id',
  inferences: 'inference_id',
  proofs: 'inference_id',
  payments: 'payment_id',
  agents: 'agent_id',
};

function subjectOf<S extends Stream>(stream: S): (record: RecordOf[S]) => string {
  return (record) => (record as unknown as Record<string, string>)[SUBJECT_COLUMNS[stream]] ?? '';
}

// Parameters travel in the URL, and servers limit its length.
const ID_BYTES_MAX = 4_000;

interface Condition {
  readonly sql: string;
  readonly params: Params;
}

export function clickHouseStore(database: ClickHouse, rowsMax: number): Store {
  async function select<S extends Stream>(stream: S, { sql, params }: Condition): Promise<Fact<RecordOf[S]>[]> {
    const rows = await database.select<FactRow>(
      `SELECT ${factColumns(stream, 'table')} FROM ${FACT_TABLES[stream]} WHERE ${sql}`,
      params,
    );
    return rows.map((row) => toFact(stream, row));
  }

  return {
    payments: clickHousePaymentReads(database),

    async insert(table, rows) {
      for (let i = 0; i < rows.length; i += rowsMax) await insertOrHalve(database, table, rows.slice(i, i + rowsMax));
    },

    encode: linesOf,

    async insertEncoded(table, blocks) {
      for (const format of ['Native', 'JSONEachRow'] as const) {
        await insertBlocks(
          database,
          table,
          blocks.filter((block) => block.format === format),
        );
      }
    },

    async facts<S extends Stream>(stream: S, scope: Scope) {
      const found = new Map<string, Fact<RecordOf[S]>>();
      const add = (facts: readonly Fact<RecordOf[S]>[]): void => {
        for (const fact of facts) found.set(positionOf(fact), fact);
      };
      const asked = new Set<string>();
      let open = conditionsOf(stream, scope).map((condition) => withCopies(stream, condition));
      if (scope.kind === 'written') {
        add(scope.written as readonly Fact<RecordOf[S]>[]);
        open = open.map(({ sql, params }) => ({ sql: `NOT (${offsetsOf(scope.written)}) AND (${sql})`, params }));
      }
      while (open.length > 0) {
        add((await Promise.all(open.map((condition) => select(stream, condition)))).flat());
        // Copies of one event under different ids are rare; then all of those ids is looked at.
        const sharing = subjectsSharingEvents([...found.values()], subjectOf(stream));
        const strangers = sharing.filter((id) => !asked.has(id));
        for (const id of strangers) asked.add(id);
        open = conditionsOf(stream, { kind: 'ids', ids: strangers }).map((condition) => withCopies(stream, condition));
      }
      return [...found.values()];
    },

    sweepPage(sweep, range, columns) {
      const { sql, params } = sweepCondition(sweep, range);
      const list = Object.entries(columns).map(([name, type]) => `CAST(\`${name}\` AS ${type}) AS \`${name}\``);
      return database.selectNative(
        `SELECT ${list.join(', ')} FROM inference_rows FINAL WHERE ${sql}
         ORDER BY occurred_at, inference_id, partition, offset LIMIT {limit:UInt32}`,
        params,
      );
    },

    async givenUpOffsets(topic) {
      const rows = await database.select<{ offset: string }>(
        `SELECT offset FROM dead_letter_rows WHERE topic = {topic:String} AND partition = 0 AND code = 'SCHEMA_UNKNOWN'`,
        { topic },
      );
      return new Set(rows.map((row) => row.offset));
    },

    async heldReleases(topic, { from, to }) {
      const accounts = await accountFor(database, { stream: 'releases', topic, below: new Map([[0, to]]) });
      const { applied = 0n, duplicate = 0n, deadLettered = 0n, gaps = 0n } = accounts.get(0) ?? {};
      if (applied + duplicate + deadLettered + gaps < to) return null;
      const facts = await select('releases', { sql: within([{ partition: 0, from, to }]), params: {} });
      const held = new Map(facts.map((fact) => [fact.position.offset, fact]));
      return [...held.values()].sort((a, b) => (a.position.offset < b.position.offset ? -1 : 1));
    },

    leftAt: (service, topic) => readLeftAt(database, service, topic),
  };
}

/** The subjects of the records that meet the condition: all their records, and all copies of the events of those. */
function withCopies(stream: Stream, { sql, params }: Condition): Condition {
  const table = FACT_TABLES[stream];
  const id = SUBJECT_COLUMNS[stream];
  const ofSubjects = `${id} IN (SELECT ${id} FROM ${table} WHERE ${sql})`;
  return { sql: `${ofSubjects} OR event_id IN (SELECT event_id FROM ${table} WHERE ${ofSubjects})`, params };
}

/** Mostly one condition; several where a list of ids is too long for one request. */
function conditionsOf(stream: Stream, scope: Scope): Condition[] {
  switch (scope.kind) {
    case 'written':
      return [{ sql: offsetsOf(scope.written), params: {} }];
    case 'ids':
      return chunksOf(scope.ids).map((ids) => ({
        sql: `${SUBJECT_COLUMNS[stream]} IN {ids:Array(String)}`,
        params: { ids },
      }));
  }
}

function offsetsOf(facts: readonly Fact<unknown>[]): string {
  return within(spansOf(facts.map(({ position }) => position)));
}

/** The rows of some partitions that `mayChange` (core/histories.ts) holds for, or more. */
function sweepCondition(sweep: Sweep, { partitions, releasesBelow, after, limit }: SweepRange): Condition {
  const { sql, params } = changeCondition(sweep);
  const behind = after === null ? { sql: 'true', params: {} } : behindCondition(after);
  return {
    sql: `model_id = {model:String} AND partition IN {partitions:Array(UInt32)}
      AND release_offset < {releases:UInt64} AND (${behind.sql}) AND (${sql})`,
    params: { ...behind.params, ...params, model: sweep.modelId, partitions, releases: String(releasesBelow), limit },
  };
}

function behindCondition({ occurredAt, inferenceId, partition, offset }: RowPlace): Condition {
  const time = "fromUnixTimestamp64Micro({afterTime:Int64}, 'UTC')";
  return {
    // The first condition says nothing new, but it is one that the primary key is good for.
    sql: `occurred_at >= ${time} AND (occurred_at, inference_id, partition, offset)
      > (${time}, {afterId:String}, {afterPartition:UInt32}, {afterOffset:UInt64})`,
    params: {
      afterTime: occurredAt,
      afterId: inferenceId,
      afterPartition: partition,
      afterOffset: String(offset),
    },
  };
}

function changeCondition(sweep: Sweep): Condition {
  switch (sweep.kind) {
    case 'traffic':
      return {
        sql: `toUnixTimestamp64Micro(occurred_at) + greatest(ifNull(clock_error_ms, 0), 0) * 1000 >= {since:Int64}
          OR phase IN ('premature', 'never') OR ifNull(claim != release, claim IS NOT NULL)`,
        params: { since: sweep.fromMicros },
      };
    case 'blobs': {
      // Wider than needed is allowed, and better than a request that is too long.
      const listed = chunksOf(sweep.blobIds).length <= 1;
      const blob = listed ? 'blob_id IN {blobs:Array(String)}' : 'blob_id IS NOT NULL';
      return {
        sql: `${blob} OR claim = {release:String}`,
        params: { release: sweep.release, ...(listed ? { blobs: sweep.blobIds } : {}) },
      };
    }
    case 'target':
      return {
        sql: "target_id = {target:String} AND occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')",
        params: { target: sweep.targetId, since: sweep.fromMicros },
      };
  }
}

function chunksOf(ids: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let room = 0;
  for (const id of ids) {
    const bytes = encodeURIComponent(id).length + 6; // and its quotes and comma, encoded
    if (chunks.length === 0 || bytes > room) {
      chunks.push([]);
      room = ID_BYTES_MAX;
    }
    chunks.at(-1)?.push(id);
    room -= bytes;
  }
  return chunks;
}

/** As JSON, a line each. Integers beyond what a double holds are text in our rows. */
function linesOf(rows: readonly object[]): EncodedRows {
  const bytes = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return { format: 'JSONEachRow', columns: null, rowCount: rows.length, bytes, release: () => undefined };
}

/** Of one format. Each block is small enough for a server that has any room at all. */
async function insertBlocks(database: ClickHouse, table: string, blocks: readonly EncodedRows[]): Promise<void> {
  const [first] = blocks;
  if (first === undefined) return;
  try {
    await database.insertBytes(
      table,
      first,
      blocks.map(({ bytes }) => bytes),
    );
  } catch (cause) {
    const error = asBacktrailError(cause);
    if (error.outcome !== 'split') throw error;
    if (blocks.length === 1) throw new BacktrailError('CLICKHOUSE_BUSY', error.message, { cause });
    for (const block of blocks) await insertBlocks(database, table, [block]);
  }
}

async function insertOrHalve(database: ClickHouse, table: string, rows: readonly object[]): Promise<void> {
  try {
    await database.insert(table, rows);
  } catch (cause) {
    const error = asBacktrailError(cause);
    if (error.outcome !== 'split') throw error;
    // A single row that does not fit is a lack of room: there is nothing to halve.
    if (rows.length <= 1) throw new BacktrailError('CLICKHOUSE_BUSY', error.message, { cause });
    const middle = Math.ceil(rows.length / 2);
    await insertOrHalve(database, table, rows.slice(0, middle));
    await insertOrHalve(database, table, rows.slice(middle));
  }
}
