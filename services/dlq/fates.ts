import type { ClickHouse } from '../shared/clickhouse/client.js';
import { FACT_TABLES } from '../shared/clickhouse/fact-rows.js';
import { READERS, readLeftAt } from '../shared/clickhouse/progress-rows.js';
import { groupBy } from '../shared/core/group.js';
import type { Stream } from '../shared/core/record.js';
import { idOf, streamOf, type Position } from './position.js';

/**
 * What became of a record in an input topic: it counts, it is a copy of an event that is known, it was refused, the log lost it
 * before it was read, or nobody has read it yet.
 */
export type Fate =
  | { readonly kind: 'applied' | 'duplicate' | 'lost' | 'pending' }
  | { readonly kind: 'dead'; readonly code: string; readonly reason: string };

type Database = Pick<ClickHouse, 'select'>;

/** The fates of some positions, by id. */
export async function fatesOf(
  database: Database,
  positions: readonly Position[],
  prefix: string,
): Promise<ReadonlyMap<string, Fate>> {
  const fates = new Map<string, Fate>();
  for (const [topic, some] of groupBy(positions, (position) => position.topic)) {
    const stream = streamOf(topic, prefix);
    for (let i = 0; i < some.length; i += AT_ONCE) {
      for (const [id, fate] of await ofTopic(database, { stream, topic, positions: some.slice(i, i + AT_ONCE) })) {
        fates.set(id, fate);
      }
    }
  }
  return fates;
}

/** So many positions fit into one parameter. */
const AT_ONCE = 2_000;

async function ofTopic(
  database: Database,
  { stream, topic, positions }: { stream: Stream; topic: string; positions: readonly Position[] },
): Promise<[string, Fate][]> {
  // Progress first: what is applied is in the tables that are read after it.
  const left = await readLeftAt(database, READERS[stream], topic);
  const at = `concat(toString(partition), '/', toString(offset)) IN {at:Array(String)}`;
  const params = { topic, stream, at: positions.map(({ partition, offset }) => `${partition}/${offset}`) };
  const [facts, copies, letters] = await Promise.all([
    database.select<Row>(`SELECT DISTINCT partition, offset FROM ${FACT_TABLES[stream]} WHERE ${at}`, params),
    database.select<Row>(
      `SELECT DISTINCT partition, offset FROM copies WHERE stream = {stream:String} AND finding != '' AND ${at}`,
      params,
    ),
    database.select<Row & { code: string; reason: string }>(
      `SELECT partition, offset, code, reason FROM dead_letters WHERE topic = {topic:String} AND ${at}`,
      params,
    ),
  ]);
  const keyed = <T extends Row>(rows: readonly T[]): Map<string, T> =>
    new Map(rows.map((row) => [idOf({ topic, partition: row.partition, offset: BigInt(row.offset) }), row]));
  const [applied, duplicate, dead] = [keyed(facts), keyed(copies), keyed(letters)];
  return positions.map((position) => {
    const id = idOf(position);
    if (position.offset >= (left.get(position.partition)?.nextOffset ?? 0n)) return [id, { kind: 'pending' }];
    const letter = dead.get(id);
    if (duplicate.has(id)) return [id, { kind: 'duplicate' }];
    if (applied.has(id)) return [id, { kind: 'applied' }];
    if (letter !== undefined) return [id, { kind: 'dead', code: letter.code, reason: letter.reason }];
    return [id, { kind: 'lost' }];
  });
}

interface Row {
  readonly partition: number;
  readonly offset: string;
}
