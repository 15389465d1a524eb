import { sleep } from '../clock.js';
import type { Config } from '../config.js';
import { asBacktrailError, BacktrailError } from '../errors.js';
import type { Logger } from '../log.js';
import type { Metrics } from '../metrics.js';

export interface RetryOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Ends the waiting; the last error is thrown then. */
  readonly signal: AbortSignal;
  readonly onRetry?: (error: BacktrailError, attempt: number) => void;
}

/** How a service waits for what is away. @param tell gets why it waits, each time */
export function retryOf(
  { limits }: Pick<Config, 'limits'>,
  { signal, metrics, log }: { signal: AbortSignal; metrics: Metrics; log: Logger },
  tell: (trouble: string) => void = () => undefined,
): RetryOptions {
  return {
    initialMs: limits.retryInitialMs,
    maxMs: limits.retryMaxMs,
    signal,
    onRetry: (error, attempt) => {
      tell(error.message);
      metrics.retries.inc({ code: error.code });
      // The first is news; after that, once in a while.
      if (attempt === 1 || attempt % 20 === 0) log.warn({ code: error.code, attempt }, error.message);
    },
  };
}

/**
 * Tries until it succeeds, as long as the outcome of the error is `retry`: an outage is waited out, however long
 * (law L8). A group that has moved on is not waited for, because the work is somebody else's by then.
 */
export async function retrying<T>(action: () => Promise<T>, options: RetryOptions): Promise<T> {
  let waitMs = options.initialMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (cause) {
      const error = asBacktrailError(cause);
      if (error.outcome !== 'retry' || error.code === 'KAFKA_GROUP_MOVED' || options.signal.aborted) throw error;
      options.onRetry?.(error, attempt);
      await sleep(waitMs, options.signal);
      throwIfEnded(options.signal, error);
      waitMs = Math.min(waitMs * 2, options.maxMs);
    }
  }
}

function throwIfEnded(signal: AbortSignal, error: BacktrailError): void {
  if (!signal.aborted) return;
  const reason: unknown = signal.reason;
  throw reason instanceof BacktrailError ? reason : error;
}
