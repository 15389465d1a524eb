import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds since 1970 UTC. The only place that reads the time. */
export function now(): number {
  return Date.now();
}

/** A monotonic reading in milliseconds, for durations. */
export function elapsedMs(): number {
  return performance.now();
}

/** Waits; an abort ends the wait early without an error. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}
