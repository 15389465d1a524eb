import type { ClickHouse } from './client.js';

/** Records that a log deleted before they were read, as the view gap_bounds has them. */
export interface Lost {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  /** The offset after the last one. */
  readonly to: bigint;
  /** None of them was appended before; 0 when nothing of the partition was applied before. */
  readonly appendedAfterMs: number;
  /** Nor after. */
  readonly appendedBeforeMs: number;
}

/** What an answer may lack. */
export interface Lacking {
  /** Gaps that an answer as of K may lack records of; 0 nearly always. */
  readonly gaps: number;
  /** Their records, at most. */
  readonly records: bigint;
}

/** In the order of topic, partition and offset, up to so many. */
export async function readLost(database: Pick<ClickHouse, 'select'>, topic: string, limit: number): Promise<Lost[]> {
  const rows = await database.select<{
    partition: number;
    from_offset: string;
    to_offset: string;
    after: string;
    before: string;
  }>(
    `SELECT partition, from_offset, to_offset, toUnixTimestamp64Milli(appended_after) AS after,
       toUnixTimestamp64Milli(appended_before) AS before
     FROM gap_bounds WHERE topic = {topic:String} ORDER BY partition, from_offset, to_offset LIMIT {limit:UInt32}`,
    { topic, limit },
  );
  return rows.map((row) => ({
    topic,
    partition: row.partition,
    from: BigInt(row.from_offset),
    to: BigInt(row.to_offset),
    appendedAfterMs: Number(row.after),
    appendedBeforeMs: Number(row.before),
  }));
}

/** What an answer as known at K may lack because a log deleted it before it was read (L7). */
export async function readLacking(database: Pick<ClickHouse, 'select'>, knownAtMs: number): Promise<Lacking> {
  const [row] = await database.select<{ gaps: string; lost: string }>(
    `SELECT count() AS gaps, sum(records) AS lost FROM gap_bounds
     WHERE toUnixTimestamp64Milli(appended_after) <= {known:Int64}`,
    { known: knownAtMs },
  );
  return { gaps: Number(row?.gaps ?? 0), records: BigInt(row?.lost ?? 0) };
}
