import { elapsedMs, sleep } from '../clock.js';
import { ReleaseLog } from '../core/release-log.js';
import type { ReleaseFact } from '../core/record.js';
import { asBacktrailError, BacktrailError } from '../errors.js';
import { accept, type Acceptor } from './accept.js';
import type { ReleaseKnowledge } from './definition.js';
import type { Applied } from './log-check.js';
import type { Batch, GroupConsumer, LogEnds } from './ports.js';
import { retrying, type RetryOptions } from './retry.js';
import type { Store } from './store.js';

interface ReaderParts {
  readonly topic: string;
  /** Reads the topic from its beginning, in a group of its own. */
  readonly consumer: GroupConsumer;
  readonly ends: LogEnds;
  readonly acceptor: Acceptor<'releases'>;
  /** Has what the log has lost. */
  readonly store: Pick<Store, 'heldReleases'>;
  readonly retry: RetryOptions;
  readonly onGrowth: () => void;
  readonly onCrash: (error: Error) => void;
}

/**
 * Reads all of the releases topic into memory and follows it. A record is in the log when it is a fact: what the release
 * service refuses, this refuses, by the same function. What the log has lost since is taken from what the release service
 * wrote: one instance must not know less than another. A log that says something else than before ends the service.
 */
export class ReleasesReader implements ReleaseKnowledge {
  readonly log = new ReleaseLog();
  readonly #growth: { readonly offset: bigint; readonly fact: ReleaseFact }[] = [];
  readonly #counting = new Map<string, ReleaseFact>();
  readonly #waiting = new Set<() => void>();
  /** Of every record that was read: after a new start of the consumer the topic comes again from its beginning. */
  readonly #appendedAt = new Map<bigint, number>();
  #appendedUntilMs = 0;
  #nextOffset = 0n;
  #caughtUpMs = -Infinity;

  constructor(private readonly parts: ReaderParts) {}

  get nextOffset(): bigint {
    return this.#nextOffset;
  }

  /** What it rests on, to be compared with the log. */
  get applied(): Applied {
    const settled = { offset: this.#nextOffset, untilMs: this.#appendedUntilMs };
    return { partition: 0, nextOffset: this.#nextOffset, settled };
  }

  /** Resolves once everything is known that was in the topic when it was called. */
  async start(): Promise<void> {
    const { consumer, retry, onCrash } = this.parts;
    await consumer.start({
      moved: () => Promise.resolve(),
      assigned: async (partitions) => {
        const end = await retrying(() => this.#end(), retry);
        for (const { startOffset } of partitions) {
          await this.#failing(() => this.#bridge(startOffset < end ? startOffset : end));
        }
      },
      batch: (batch) => this.#failing(() => this.#read(batch)),
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

  async #failing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const known = asBacktrailError(error);
      if (known.outcome !== 'retry') this.parts.onCrash(known);
      throw known;
    }
  }

  /** What the log does not have any more. */
  async #bridge(to: bigint): Promise<void> {
    if (to <= this.#nextOffset) return;
    const { topic, store, retry } = this.parts;
    const held = await retrying(async () => {
      const facts = await store.heldReleases(topic, { from: this.#nextOffset, to });
      if (facts !== null) return facts;
      const sentence = `${topic} begins at offset ${to}, and not all below is accounted for by the release service yet`;
      throw new BacktrailError('RELEASES_NOT_HELD_YET', sentence);
    }, retry);
    for (const fact of held) {
      this.#remember(fact.position);
      this.#apply(fact);
    }
    this.#advance(to);
  }

  #remember({ offset, appendedAtMs }: { readonly offset: bigint; readonly appendedAtMs: number }): void {
    const before = this.#appendedAt.get(offset) ?? appendedAtMs;
    if (before !== appendedAtMs) {
      const sentence = `${this.parts.topic} has at offset ${offset} another record than it had before`;
      throw new BacktrailError('LOG_REPLACED', sentence);
    }
    this.#appendedAt.set(offset, appendedAtMs);
    this.#appendedUntilMs = Math.max(this.#appendedUntilMs, appendedAtMs);
  }

  async #read(batch: Batch): Promise<void> {
    await this.#bridge(batch.startOffset ?? 0n);
    for (const record of batch.records) this.#remember(record);
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

  async #end(): Promise<bigint> {
    return (await this.parts.ends.endOffsets(this.parts.topic)).get(0) ?? 0n;
  }

  async #reach(limitMs: number): Promise<void> {
    const end = await this.#end();
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
