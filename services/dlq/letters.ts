import type { ClickHouse } from '../shared/clickhouse/client.js';
import type { Header } from '../shared/runtime/ports.js';
import { idOf, type Position } from './position.js';

/** A dead letter as it is listed. */
export interface Letter extends Position {
  readonly id: string;
  readonly appendedAtMs: number;
  readonly service: string;
  readonly code: string;
  readonly reason: string;
  /** The copies of it that were sent, in their order. */
  readonly redrives: readonly Redrive[];
  /** The dead letter that this is a copy of, which is dead again; null for one that its producer sent. */
  readonly redriveOf: string | null;
  /** The last copy of it, or of a copy that is dead again; null where nothing was sent. */
  readonly lastCopy: Position | null;
}

/** A dead letter with its bytes. */
export interface LetterBytes {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

/** An attempt to send a dead letter again. */
export interface Redrive {
  readonly redriveId: string;
  readonly by: string;
  readonly intendedAtMs: number;
  readonly searchFrom: bigint;
  readonly state: 'SENT' | 'NOT_SENT' | 'INTENDED';
  /** Where the copy is, once that is known. */
  readonly to: { readonly partition: number; readonly offset: bigint } | null;
}

/** Which dead letters: all that meet every condition given. */
export interface Selection {
  readonly topic?: string | undefined;
  readonly code?: string | undefined;
  readonly sinceMs?: number | undefined;
  readonly positions?: readonly Position[] | undefined;
}

type Database = Pick<ClickHouse, 'select'>;

interface LetterRow {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly appended_at: string;
  readonly service: string;
  readonly code: string;
  readonly reason: string;
}

interface RedriveRow extends Pick<LetterRow, 'topic' | 'partition' | 'offset'> {
  readonly redrive_id: string;
  readonly by: string;
  readonly intended_at: string;
  readonly search_from: string;
  readonly state: Redrive['state'];
  readonly to_partition: number | null;
  readonly to_offset: string | null;
}

/** So many positions fit into one parameter. */
const POSITIONS_MAX = 1_000;

/** Dead letters in the order of their append times, the oldest first, up to so many. */
export async function readLetters(database: Database, selection: Selection, limit: number): Promise<Letter[]> {
  const { positions } = selection;
  if (positions !== undefined && positions.length > POSITIONS_MAX) {
    const first = await readLetters(database, { ...selection, positions: positions.slice(0, POSITIONS_MAX) }, limit);
    const rest = { ...selection, positions: positions.slice(POSITIONS_MAX) };
    return [...first, ...(await readLetters(database, rest, limit - first.length))];
  }
  const { sql, params } = conditionOf(selection);
  const rows = await database.select<LetterRow>(
    `SELECT topic, partition, offset, toUnixTimestamp64Milli(appended_at) AS appended_at, service, code, reason
     FROM dead_letters WHERE ${sql} ORDER BY dead_letters.appended_at, topic, partition, offset LIMIT {limit:UInt32}`,
    { ...params, limit },
  );
  if (rows.length === 0) return [];
  const history = await readHistory(database);
  return rows.map((row) => {
    const position = { topic: row.topic, partition: row.partition, offset: BigInt(row.offset) };
    const id = idOf(position);
    return {
      ...position,
      id,
      appendedAtMs: Number(row.appended_at),
      service: row.service,
      code: row.code,
      reason: row.reason,
      redrives: history.of.get(id) ?? [],
      redriveOf: history.from.get(id) ?? null,
      lastCopy: lastCopyOf(position, history.of),
    };
  });
}

export async function countLetters(database: Database, selection: Selection): Promise<number> {
  const { sql, params } = conditionOf(selection);
  const [row] = await database.select<{ n: string }>(`SELECT count() AS n FROM dead_letters WHERE ${sql}`, params);
  return Number(row?.n ?? 0);
}

/** Key, value and headers, each as the log had it. */
export async function readBytes(database: Database, { topic, partition, offset }: Position): Promise<LetterBytes> {
  const [row] = await database.select<{
    key_base64: string | null;
    value_base64: string | null;
    headers_base64: readonly { readonly name: string; readonly value: string | null }[];
  }>(
    `SELECT key_base64, value_base64, headers_base64 FROM dead_letters
     WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}`,
    { topic, partition, offset: offset.toString() },
  );
  if (row === undefined) throw new Error(`no dead letter ${idOf({ topic, partition, offset })}`);
  return {
    key: bytesOf(row.key_base64),
    value: bytesOf(row.value_base64),
    headers: row.headers_base64.map(({ name, value }) => ({ name, value: bytesOf(value) })),
  };
}

/** Every attempt by the dead letter that was sent, and the origins of the copies. People redrive: it is not a large table. */
async function readHistory(
  database: Database,
): Promise<{ of: ReadonlyMap<string, readonly Redrive[]>; from: ReadonlyMap<string, string> }> {
  const rows = await database.select<RedriveRow>(
    `SELECT redrive_id, topic, partition, offset, by, toUnixTimestamp64Milli(intended_at) AS intended_at, search_from, state,
       to_partition, to_offset
     FROM redrives ORDER BY redrives.intended_at, redrive_id`,
  );
  const of = new Map<string, Redrive[]>();
  const from = new Map<string, string>();
  for (const row of rows) {
    const { topic, partition, to_partition: toPartition, to_offset: toOffset } = row;
    const id = idOf({ topic, partition, offset: BigInt(row.offset) });
    const to = toPartition === null || toOffset === null ? null : { partition: toPartition, offset: BigInt(toOffset) };
    of.set(id, [
      ...(of.get(id) ?? []),
      {
        redriveId: row.redrive_id,
        by: row.by,
        intendedAtMs: Number(row.intended_at),
        searchFrom: BigInt(row.search_from),
        state: row.state,
        to,
      },
    ]);
    if (to !== null) from.set(idOf({ topic, ...to }), id);
  }
  return { of, from };
}

/** Copies of copies: a copy lies behind what it is a copy of, so this comes to an end. */
function lastCopyOf(position: Position, redrivesOf: ReadonlyMap<string, readonly Redrive[]>): Position | null {
  const to = redrivesOf.get(idOf(position))?.findLast(({ state }) => state === 'SENT')?.to ?? null;
  if (to === null) return null;
  const copy = { topic: position.topic, ...to };
  return lastCopyOf(copy, redrivesOf) ?? copy;
}

function conditionOf({ topic, code, sinceMs, positions }: Selection) {
  const conditions: string[] = [];
  const params: Record<string, string | number | readonly string[]> = {};
  if (topic !== undefined) {
    conditions.push('topic = {topic:String}');
    params['topic'] = topic;
  }
  if (code !== undefined) {
    conditions.push('code = {code:String}');
    params['code'] = code;
  }
  if (sinceMs !== undefined) {
    conditions.push("dead_letters.appended_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')");
    params['since'] = sinceMs;
  }
  if (positions !== undefined) {
    conditions.push("concat(topic, '/', toString(partition), '/', toString(offset)) IN {ids:Array(String)}");
    params['ids'] = positions.map(idOf);
  }
  return { sql: conditions.length === 0 ? 'true' : conditions.join(' AND '), params };
}

function bytesOf(base64: string | null): Buffer | null {
  return base64 === null ? null : Buffer.from(base64, 'base64');
}
