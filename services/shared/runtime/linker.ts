import { elapsedMs, sleep } from '../clock.js';
import type { Metrics } from '../metrics.js';
import { Cost } from './cost.js';
import type { Partitions } from './partitions.js';
import type { PaymentReads, SettledPartition } from './payment-reads.js';
import type { Following, Progress } from './progress.js';
import { retrying, type RetryOptions } from './retry.js';
import type { Span } from './settler.js';

interface LinkerParts {
  /** The topic of inferences. */
  readonly topic: string;
  readonly reads: PaymentReads;
  readonly partitions: Partitions;
  readonly progress: Pick<Progress, 'soon'>;
  /** Computes payments again from all that is there, and writes their rows. */
  readonly compute: (paymentIds: readonly string[]) => Promise<void>;
  readonly metrics: Metrics;
  readonly retry: RetryOptions;
}

/** How far one of our partitions has followed the inferences. */
interface Followed {
  readonly partition: number;
  /** Of each partition of inferences: the offset below which every one has found the payments that name it. */
  readonly linked: Map<number, bigint>;
  untilMs: number;
}

interface Pass {
  readonly spans: readonly Span[];
  /** What the spans end at is all there is; up to when that is complete. Null when more is left for the next pass. */
  readonly untilMs: number | null;
}

// A pass costs a look at the inferences and at what payments refer to: it has a fifth of the time.
const PAUSE_PER_PASS = 4;
const PAUSE_MAX_MS = 15_000;
/** How often it is asked whether more is settled: less and less often while nothing is. */
const POLL_MS = 150;
const POLL_GROWTH = 1.5;
const POLL_MAX_MS = 600;
/** Offsets of one pass, of all partitions together: what one statement can hold in memory. */
const OFFSETS_MAX = 400_000n;
/** Ids of payments that are held at once, and payments that are computed at once. */
const PAYMENTS_MAX = 50_000;
const COMPUTED_MAX = 1_500;

/**
 * Finds the payments that name an inference which came after them. Nobody tells the payments: they look, behind what the
 * inference service says is settled.
 *
 *   payments     write facts and what they name ──▶ look for inferences ──▶ write rows
 *   inferences   write records, and of copies which counts ──▶ say: settled
 *   linker                                                     settled ──▶ look who names them ──▶ compute, write ──▶ say: linked
 *
 * Whichever of the two is written second, its side looks after that and sees the other. Everybody else who computes the same
 * payment meanwhile, here or in an instance that does not know yet that the partition moved, may know less, but whoever
 * looks after the last record knows all of them. A row's version counts what it rests on, so the one that knows all wins, in
 * whatever order they are written. And because `linked` is said last, a crash anywhere means that a span is looked at twice.
 */
export class Linker implements Following {
  #followed: readonly Followed[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: LinkerParts) {
    parts.metrics.bufferedMaxRecords.set({ buffer: 'links' }, PAYMENTS_MAX);
  }

  async taken(
    partitions: ReadonlyMap<number, { readonly linked: Readonly<Record<string, string>>; readonly isNew: boolean }>,
  ): Promise<void> {
    // A partition of which nothing is applied names nothing yet; what it will name is looked for after this.
    const settled = await this.parts.reads.settledInferences(this.parts.topic);
    const from = new Map(settled.map(({ partition, nextOffset }) => [partition, nextOffset]));
    this.#followed = [...partitions].map(([partition, { linked, isNew }]): Followed => {
      const left = Object.entries(linked).map(([other, offset]) => [Number(other), BigInt(offset)] as const);
      return { partition, linked: isNew ? new Map(from) : new Map(left), untilMs: 0 };
    });
  }

  untilMs(partition: number): number {
    return this.#of(partition)?.untilMs ?? 0;
  }

  linked(partition: number): Readonly<Record<string, string>> {
    const { linked = new Map<number, bigint>() } = this.#of(partition) ?? {};
    return Object.fromEntries([...linked].map(([other, offset]) => [String(other), offset.toString()]));
  }

  /** Links whatever becomes settled, until the signal aborts. Rejects with what waiting cannot help. */
  async run(signal: AbortSignal): Promise<void> {
    const cost = new Cost();
    let pollMs = POLL_MS;
    while (!signal.aborted) {
      const applied = this.#applied();
      let startMs = 0;
      const found = await retrying(() => {
        startMs = elapsedMs(); // An outage costs nothing.
        return this.#pass();
      }, this.parts.retry);
      const tookMs = elapsedMs() - startMs;
      if (found) this.parts.metrics.linkSeconds.observe(tookMs / 1000);
      const pauseMs = Math.min((found ? cost.took(tookMs) : tookMs) * PAUSE_PER_PASS, PAUSE_MAX_MS);
      const isBusy = applied !== this.#applied();
      pollMs = isBusy || found ? POLL_MS : Math.min(pollMs * POLL_GROWTH, POLL_MAX_MS);
      await sleep(Math.max(pollMs, pauseMs), signal);
    }
  }

  /** Resolves when all that is settled by now is linked. */
  async link(): Promise<void> {
    while (await retrying(() => this.#pass(), this.parts.retry));
  }

  #of(partition: number): Followed | undefined {
    return this.#followed.find((one) => one.partition === partition);
  }

  /** Sum of the offsets applied: it moves while batches come. */
  #applied(): bigint {
    return this.parts.partitions.all.reduce((sum, { nextOffset }) => sum + nextOffset, 0n);
  }

  /** One pass at a time. False when there was nothing to link. */
  #pass(): Promise<boolean> {
    const pass = this.#last.then(() => this.#linkSettled());
    this.#last = pass.catch(() => undefined);
    return pass;
  }

  async #linkSettled(): Promise<boolean> {
    const followed = this.#followed;
    if (followed.length === 0) return false;
    const { spans, untilMs } = passOver(await this.parts.reads.settledInferences(this.parts.topic), followed);
    const behind = followed.filter(({ linked }) =>
      spans.some(({ partition, to }) => (linked.get(partition) ?? 0n) < to),
    );
    if (behind.length > 0) await this.#compute(spans, behind);

    // Partitions that were taken anew meanwhile have a place of their own by now: this speaks for the ones it began with.
    for (const one of behind) {
      for (const { partition, to } of spans) {
        if ((one.linked.get(partition) ?? 0n) < to) one.linked.set(partition, to);
      }
    }
    const moved = new Set(behind.map(({ partition }) => partition));
    for (const one of followed) {
      if (untilMs === null || untilMs <= one.untilMs) continue;
      one.untilMs = untilMs;
      moved.add(one.partition);
    }
    for (const state of this.parts.partitions.all) if (moved.has(state.partition)) state.changed = true;
    if (moved.size > 0) this.parts.progress.soon().catch(() => undefined);
    return behind.length > 0;
  }

  async #compute(spans: readonly Span[], behind: readonly Followed[]): Promise<void> {
    const { reads, compute, metrics } = this.parts;
    const partitions = behind.map(({ partition }) => partition);
    for (let after = '', more = true; more;) {
      const ids = await reads.naming(spans, { partitions, after, limit: PAYMENTS_MAX });
      metrics.bufferedRecords.set({ buffer: 'links' }, ids.length);
      for (let i = 0; i < ids.length; i += COMPUTED_MAX) {
        const some = ids.slice(i, i + COMPUTED_MAX);
        await compute(some);
        metrics.linkedPayments.inc(some.length);
      }
      after = ids.at(-1) ?? '';
      more = ids.length === PAYMENTS_MAX;
      metrics.bufferedRecords.set({ buffer: 'links' }, 0);
    }
  }
}

/** What is settled and not linked yet by some partition of ours. Partitions that have followed further are looked at twice. */
function passOver(settled: readonly SettledPartition[], followed: readonly Followed[]): Pass {
  const open = settled.flatMap(({ partition, nextOffset: to }): Span[] => {
    const from = followed.reduce((least, { linked }) => {
      const offset = linked.get(partition) ?? 0n;
      return offset < least ? offset : least;
    }, to);
    return from < to ? [{ partition, from, to }] : [];
  });
  const share = OFFSETS_MAX / BigInt(Math.max(open.length, 1));
  const spans = open.map(({ partition, from, to }) => ({ partition, from, to: to - from > share ? from + share : to }));
  const isAll = spans.every(({ to }, i) => to === open[i]?.to);
  const untilMs = settled.map(({ completeUntilMs }) => completeUntilMs);
  return { spans, untilMs: isAll && settled.length > 0 ? Math.min(...untilMs) : null };
}
