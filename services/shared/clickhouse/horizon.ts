import { TOUCHED_TOPIC } from '../../../schemas/internal-topics.js';
import type { ClickHouse } from './client.js';

/** How far apart the clocks of the brokers and ours may be: an idle partition's end is trusted only this much later. */
const CLOCK_SKEW_MS = 1_000;

/** How far everything appended to the input topics is applied. */
export interface Horizon {
  /** Every record appended up to here is applied: an answer for a K up to it is final. 0 while that is not known. */
  readonly completeUntilMs: number;
  /** The greatest append time in the input topics that is applied so far. */
  readonly appliedUntilMs: number;
}

const READERS = ['release', 'inference', 'proof', 'agent', 'payment'];

/**
 * The least of what the partitions say: a partition is complete up to just before the append time it is at, as more of
 * the same millisecond may follow, or up to when its end was last seen to be reached.
 */
export async function readHorizon(database: Pick<ClickHouse, 'select'>): Promise<Horizon> {
  const partitions = await database.select<{ service: string; topic: string; applied: string; idle: string }>(
    `SELECT service, topic, toUnixTimestamp64Milli(applied_until) AS applied, toUnixTimestamp64Milli(idle_at) AS idle
     FROM progress WHERE service IN {readers:Array(String)}`,
    { readers: READERS },
  );
  // What is announced internally must be applied, too, but its append times are nothing that anybody knew then.
  const inputs = partitions.filter(({ topic }) => !topic.endsWith(TOUCHED_TOPIC.topic));
  const appliedUntilMs = Math.max(0, ...inputs.map(({ applied }) => Number(applied)));
  const allKnown = READERS.every((reader) => partitions.some(({ service }) => service === reader));
  if (!allKnown) return { completeUntilMs: 0, appliedUntilMs };
  const bounds = partitions.map(({ applied, idle }) => Math.max(Number(applied) - 1, Number(idle) - CLOCK_SKEW_MS));
  return { completeUntilMs: Math.max(0, Math.min(...bounds)), appliedUntilMs };
}
