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

/** A crash is its own; any other signal came from outside, also one that it took for a request to end once it was ready. */
export function wasKilled(reason: string, { wasReady }: Pick<Death, 'wasReady'>): boolean {
  if (reason === 'exit code 0') return wasReady;
  return /^(killed by (?!SIG(ABRT|SEGV|BUS|FPE|ILL)$)|exit code (130|143)$)/.test(reason);
}

/** Since it was last well. */
export interface Deaths {
  readonly inARow: number;
  /** Those that it died by itself. */
  readonly own: number;
}

export const NO_DEATHS: Deaths = { inARow: 0, own: 0 };

/** Deaths in a row after one more. What was ready and is killed from outside would have lived on: it begins to count anew. */
export function countDeath(before: Deaths, { livedMs, wasReady, killed, diskFull }: Death): Deaths {
  const wasWell = livedMs >= WELL_AFTER_MS || (wasReady && killed) || diskFull;
  const { inARow, own } = wasWell ? NO_DEATHS : before;
  return { inARow: inARow + 1, own: killed || diskFull ? own : own + 1 };
}

/** 250 ms, then twice as long each time, at most 10 s; after six deaths of its own nobody believes in the seventh life. */
export function afterDeath({ inARow, own }: Deaths): Verdict {
  if (own >= DEATHS_IN_A_ROW_MAX) return { kind: 'give-up', why: `died ${String(own)} times in a row` };
  return { kind: 'restart', delayMs: Math.min(FIRST_DELAY_MS * 2 ** (inARow - 1), LONGEST_DELAY_MS) };
}
