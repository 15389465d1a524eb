import type { LinkedRecord } from '../runtime/payment-reads.js';
import type { ClickHouse, Params } from './client.js';
import { listed, spansOf, within } from './conditions.js';

type Database = Pick<ClickHouse, 'select'>;

interface Named {
  readonly ids: readonly string[];
  readonly sessions: readonly string[];
}

interface LinkedRow {
  readonly inference_id: string;
  readonly session_id: string | null;
  readonly model_id: string;
  readonly occurred_micros: string;
  readonly cost: string | null;
  readonly event_id: string;
  /** Null when it is the inference id, as nearly always. */
  readonly other_key: string | null;
  readonly partition: number;
  readonly offset: string;
  readonly appended_ms: string;
}

interface CopyRow {
  readonly partition: number;
  readonly offset: string;
  readonly counts: boolean;
  readonly copies: number;
}

/** One filter in a hundred says yes to a name it does not hold: with more names than this nearly every one says yes to some. */
const BLOOM_NAMES_MAX = 200;
/** Copies that are read although some of them may be of other records: naming every record costs more. */
const COPIES_MAX = 10_000;

/** Every record of inferences that have one of the ids or sessions. */
export async function linkedInferences(database: Database, named: Named): Promise<LinkedRecord[]> {
  const { ids, sessions } = named;
  const count = ids.length + sessions.length;
  if (count === 0) return [];
  const rows = await (count > BLOOM_NAMES_MAX ? scanned(database, named) : lookedUp(database, named));
  const places = rows.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) }));
  const copies = await copiesAt(database, places);
  return rows.map((row) => toLinked(row, copies.get(placeOf(row))));
}

/** A few names: filters say where they may be. */
async function lookedUp(database: Database, { ids, sessions }: Named): Promise<LinkedRow[]> {
  const [byId, bySession] = await Promise.all([
    lookUp(database, 'inference_id', ids),
    lookUp(database, 'session_id', sessions),
  ]);
  return [...new Map([...byId, ...bySession].map((row) => [placeOf(row), row])).values()];
}

async function lookUp(
  database: Database,
  column: 'inference_id' | 'session_id',
  names: readonly string[],
): Promise<LinkedRow[]> {
  if (names.length === 0) return [];
  const { sql, params } = listed('name', names);
  return rowsWhere(database, `WHERE ${column} IN ${sql}`, params);
}

/** Many names: one look through the hashes of all, a tenth of the bytes of the ids themselves. */
async function scanned(database: Database, { ids, sessions }: Named): Promise<LinkedRow[]> {
  const [id, session] = [listed('id', ids), listed('session', sessions)];
  const hashes = (array: string): string => `(SELECT cityHash64(name) FROM (SELECT arrayJoin(${array}) AS name))`;
  const conditions = [
    ...(ids.length === 0 ? [] : [`inference_hash IN ${hashes(id.array)}`]),
    ...(sessions.length === 0 ? [] : [`session_hash IN ${hashes(session.array)}`]),
  ];
  const rows = await rowsWhere(database, `PREWHERE ${conditions.join(' OR ')}`, {
    ...(ids.length === 0 ? {} : id.params),
    ...(sessions.length === 0 ? {} : session.params),
  });
  // Two names can have one hash.
  const [isId, isSession] = [new Set(ids), new Set(sessions)];
  return rows.filter((row) => isId.has(row.inference_id) || (row.session_id !== null && isSession.has(row.session_id)));
}

async function rowsWhere(database: Database, condition: string, params: Params): Promise<LinkedRow[]> {
  return database.select<LinkedRow>(
    `SELECT inference_id, session_id, model_id, toUnixTimestamp64Micro(occurred_at) AS occurred_micros, cost, event_id,
       nullIf(key, inference_id) AS other_key, partition, offset, toUnixTimestamp64Milli(appended_at) AS appended_ms
     FROM inference_rows ${condition} LIMIT 1 BY partition, offset`,
    params,
  );
}

/** What is known of copies among the inference records at some positions: of most of them nothing. */
async function copiesAt(
  database: Database,
  places: readonly { readonly partition: number; readonly offset: bigint }[],
): Promise<ReadonlyMap<string, CopyRow>> {
  if (places.length === 0) return new Map();
  const around = `stream = 'inferences' AND (${within(spansOf(places))})`;
  const [found] = await database.select<{ n: string }>(`SELECT count() AS n FROM copy_rows WHERE ${around}`);
  const count = Number(found?.n ?? 0);
  if (count === 0) return new Map();
  const { array, params } = listed('position', count > COPIES_MAX ? places.map(placeOf) : []);
  const here =
    count > COPIES_MAX
      ? `AND (partition, offset) IN (
          SELECT toUInt32(splitByChar(' ', place)[1]), toUInt64(splitByChar(' ', place)[2])
          FROM (SELECT arrayJoin(${array}) AS place))`
      : '';
  const rows = await database.select<CopyRow>(
    `SELECT partition, offset, counts, copies FROM copy_rows FINAL WHERE ${around} ${here}`,
    count > COPIES_MAX ? params : {},
  );
  return new Map(rows.map((row) => [placeOf(row), row]));
}

function placeOf({ partition, offset }: { readonly partition: number; readonly offset: bigint | string }): string {
  return `${partition} ${offset}`;
}

function toLinked(row: LinkedRow, copy: CopyRow | undefined): LinkedRecord {
  const { partition, offset, appended_ms: appended, occurred_micros: occurred, other_key: otherKey, ...fields } = row;
  return {
    fact: {
      record: { ...fields, occurred_at: Number(occurred) },
      key: otherKey ?? fields.inference_id,
      position: { partition, offset: BigInt(offset), appendedAtMs: Number(appended) },
    },
    copies: copy?.copies ?? 0,
    counts: copy?.counts ?? true,
  };
}
