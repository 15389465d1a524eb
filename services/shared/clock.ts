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

/**
 * A signal that aborts when another one does, or after so long; end it when it is not needed any more. AbortSignal.timeout is no
 * such thing: where only AbortSignal.any knows of it, Node collects it as garbage before its time, and it never aborts.
 */
export function timeLimit(ms: number, signal: AbortSignal): { readonly signal: AbortSignal; end(): void } {
  const over = new AbortController();
  const timer = setTimeout(() => {
    over.abort(new DOMException('The time is over', 'TimeoutError'));
  }, ms);
  return {
    signal: AbortSignal.any([signal, over.signal]),
    end: () => {
      clearTimeout(timer);
    },
  };
}
