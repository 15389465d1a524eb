/** What to do about a process that died. */
export type Verdict = { kind: 'restart'; delayMs: number } | { kind: 'give-up'; why: string };

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;
/** One that lived longer than this was well: its next death counts as the first. */
export const WELL_AFTER_MS = 30_000;
export const DEATHS_IN_A_ROW_MAX = 6;

/** Nothing can start on a full disk: somebody has to free some space, and that is no reason to give up. */
export const FULL_DISK_DELAY_MS = 3_000;

/** How a life ended. `killed`: by somebody else, which is not something it did itself. */
export interface Death {
  readonly livedMs: number;
  readonly wasReady: boolean;
  readonly killed: boolean;
  readonly diskFull: boolean;
}

/** A crash is its own; any other signal came from outside, also one that it took for a request to end. */
export function wasKilled(reason: string): boolean {
  return /^(killed by (?!SIG(ABRT|SEGV|BUS|FPE|ILL)$)|exit code (0|130|143)$)/.test(reason);
}

/** Deaths in a row after one more. What was ready and is killed from outside would have lived on: it begins to count anew. */
export function countDeath(deathsInARow: number, { livedMs, wasReady, killed, diskFull }: Death): number {
  return livedMs >= WELL_AFTER_MS || (wasReady && killed) || diskFull ? 1 : deathsInARow + 1;
}

/** 250 ms, then twice as long each time, at most 10 s; after six deaths in a row nobody believes in the seventh life. */
export function afterDeath(deathsInARow: number): Verdict {
  if (deathsInARow >= DEATHS_IN_A_ROW_MAX) {
    return { kind: 'give-up', why: `died ${String(deathsInARow)} times in a row` };
  }
  return { kind: 'restart', delayMs: Math.min(FIRST_DELAY_MS * 2 ** (deathsInARow - 1), LONGEST_DELAY_MS) };
}
