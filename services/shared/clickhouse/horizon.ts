import type { ClickHouse } from './client.js';

/** How far everything appended to the input topics is applied. */
export interface Horizon {
  /** Everything appended up to here is applied: an answer for a K up to it is final. 0 while that is not known. */
  readonly completeUntilMs: number;
  /** The greatest append time in the input topics that is applied so far. */
  readonly appliedUntilMs: number;
  /** Records applied to all input topics. Only grows: of two rows computed after it was read, that of the greater holds. */
  readonly records: string;
}

/** Up to when everything appended is there and applied. */
export function settledUntilMs({ completeUntilMs, appliedUntilMs }: Horizon): number {
  return Math.min(completeUntilMs, appliedUntilMs);
}

/** Whether nothing is missing to what was applied. */
export function isSettled(horizon: Horizon): boolean {
  return horizon.completeUntilMs > 0 && settledUntilMs(horizon) === horizon.appliedUntilMs;
}

/** Each announces every partition of its topic when it starts, taken or not. */
const READERS = ['release', 'inference', 'proof', 'agent', 'payment'];

/** The least of what all partitions of all topics are complete to. */
export async function readHorizon(database: Pick<ClickHouse, 'select'>): Promise<Horizon> {
  const [row] = await database.select<{ readers: string; complete: string; applied: string; records: string }>(
    `SELECT uniqExact(service) AS readers, toUnixTimestamp64Milli(min(complete_until)) AS complete,
       toUnixTimestamp64Milli(max(applied_until)) AS applied, sum(next_offset) AS records
     FROM progress WHERE service IN {readers:Array(String)}`,
    { readers: READERS },
  );
  const all = Number(row?.readers ?? 0) === READERS.length;
  return {
    completeUntilMs: all ? Math.max(0, Number(row?.complete)) : 0,
    appliedUntilMs: Math.max(0, Number(row?.applied ?? 0)),
    records: row?.records ?? '0',
  };
}
