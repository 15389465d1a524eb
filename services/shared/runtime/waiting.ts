import { now, sleep } from '../clock.js';
import type { Metrics } from '../metrics.js';
import type { PaymentReads } from './payment-reads.js';
import { retrying, type RetryOptions } from './retry.js';

interface WaitingParts {
  readonly reads: PaymentReads;
  /** Computes payments again from all that is there, and writes their rows. */
  readonly compute: (paymentIds: readonly string[]) => Promise<void>;
  readonly metrics: Metrics;
  readonly retry: RetryOptions;
}

const EVERY_MS = 30_000;
const PAYMENTS_MAX = 1_000;

/**
 * Says how many payments wait for an inference, and since when; and computes again a few that wait in vain. The linker
 * leaves none of those behind: this is for the day on which that turns out to be wrong.
 */
export class WaitingPayments {
  constructor(private readonly parts: WaitingParts) {}

  /** Looks now and then, until the signal aborts. Rejects with what waiting cannot help. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await retrying(() => this.look(), this.parts.retry);
      await sleep(EVERY_MS, signal);
    }
  }

  async look(): Promise<void> {
    const { reads, compute, metrics } = this.parts;
    const { payments, sinceMs } = await reads.waiting();
    metrics.paymentsWaiting.set(payments);
    metrics.paymentsWaitingOldest.set(sinceMs === null ? 0 : Math.max(0, now() - sinceMs) / 1000);
    if (payments === 0) return;
    const ids = await reads.waitingInVain(PAYMENTS_MAX);
    if (ids.length > 0) await compute(ids);
  }
}
