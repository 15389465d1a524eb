import { elapsedMs, sleep } from '../clock.js';
import { ReleaseLog } from '../core/release-log.js';
import type { ReleaseFact } from '../core/record.js';
import { accept, type Acceptor } from './accept.js';
import type { ReleaseKnowledge } from './definition.js';
import type { Batch, GroupConsumer, LogEnds } from './ports.js';
import { retrying, type RetryOptions } from './retry.js';

interface ReaderParts {
  readonly topic: string;
  /** Reads the topic from its beginning, in a group of its own. */
  readonly consumer: GroupConsumer;
  readonly ends: LogEnds;
  readonly acceptor: Acceptor<'releases'>;
  readonly retry: RetryOptions;
  readonly onGrowth: () => void;
  readonly onCrash: (error: Error) => void;
}

/**
 * Reads all of the releases topic into memory and follows it. A record is in the log when it is a fact: what the release
 * service refuses, this refuses, by the same function.
 */
export class ReleasesReader implements ReleaseKnowledge {
  readonly log = new ReleaseLog();
  readonly #growth: { readonly offset: bigint; readonly fact: ReleaseFact }[] = [];
  readonly #counting = new Map<string, ReleaseFact>();
  readonly #waiting = new Set<() => void>();
  #nextOffset = 0n;
  #caughtUpMs = -Infinity;

  constructor(private readonly parts: ReaderParts) {}

  get nextOffset(): bigint {
    return this.#nextOffset;
  }

  /** Resolves once everything is known that was in the topic when it was called. */
  async start(): Promise<void> {
    const { consumer, retry, onCrash } = this.parts;
    await consumer.start({
      moved: () => Promise.resolve(),
      assigned: (partitions) => {
        for (const { startOffset } of partitions) this.#advance(startOffset);
        return Promise.resolve();
      },
      batch: (batch) => this.#read(batch),
      crashed: onCrash,
    });
    await retrying(() => this.#reach(Number.POSITIVE_INFINITY), retry);
  }

  /**
   * Asks for the end of the topic and waits until it is known, but not longer than this. Not asked again for a moment: it
   * saves rewriting rows, and whatever comes later is swept.
   */
  async catchUp(limitMs: number): Promise<void> {
    const atMs = elapsedMs();
    if (atMs - this.#caughtUpMs < FRESH_MS) return;
    await this.#reach(limitMs);
    this.#caughtUpMs = atMs;
  }

  /** The records that began or ceased to count with the offsets in [from, to). */
  between(from: bigint, to: bigint): readonly ReleaseFact[] {
    return this.#growth.filter(({ offset }) => offset >= from && offset < to).map(({ fact }) => fact);
  }

  async stop(): Promise<void> {
    await this.parts.consumer.stop();
  }

  async #read(batch: Batch): Promise<void> {
    const { facts } = await retrying(() => accept(this.parts.acceptor, batch, 0), this.parts.retry);
    for (const fact of facts) {
      // After a new start of the consumer the topic comes again from its beginning.
      if (fact.position.offset >= this.#nextOffset) this.#apply(fact);
    }
    this.#advance(batch.nextOffset);
  }

  #apply(fact: ReleaseFact): void {
    if (this.log.apply(fact) === null) return;
    const { offset } = fact.position;
    const displaced = this.#counting.get(fact.record.event_id);
    if (displaced !== undefined) this.#growth.push({ offset, fact: displaced });
    this.#growth.push({ offset, fact });
    this.#counting.set(fact.record.event_id, fact);
  }

  #advance(nextOffset: bigint): void {
    if (nextOffset <= this.#nextOffset) return;
    this.#nextOffset = nextOffset;
    for (const check of this.#waiting) check();
    this.parts.onGrowth();
  }

  async #reach(limitMs: number): Promise<void> {
    const end = (await this.parts.ends.endOffsets(this.parts.topic)).get(0) ?? 0n;
    if (this.#nextOffset >= end) return;
    const reached = new AbortController();
    const check = (): void => {
      if (this.#nextOffset >= end) reached.abort();
    };
    this.#waiting.add(check);
    const { signal } = this.parts.retry;
    try {
      await sleep(Math.min(limitMs, LONGEST_WAIT_MS), AbortSignal.any([reached.signal, signal]));
    } finally {
      this.#waiting.delete(check);
    }
  }
}

/** Long enough to ask once for all batches of a fetch. */
const FRESH_MS = 20;

// The longest that a timer can run.
const LONGEST_WAIT_MS = 2 ** 31 - 1;
