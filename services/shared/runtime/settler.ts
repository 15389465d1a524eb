import { elapsedMs, sleep } from '../clock.js';
import { tellApart, type CopyVerdict, type Identity } from '../core/copies.js';
import type { Fact, Stream } from '../core/record.js';
import type { Metrics } from '../metrics.js';
import { Cost } from './cost.js';
import type { Partitions, PartitionState } from './partitions.js';
import type { Progress } from './progress.js';
import { retrying, type RetryOptions } from './retry.js';
import type { Store } from './store.js';

/** Some offsets of a partition, half-open. */
export interface Span {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

/** What records are told apart by; `content` stands for all that a record says. */
export interface Copy extends Identity {
  /** What the record is about. */
  readonly subject_id: string;
  readonly content: string;
}

/** Where records are that share their event or inference with another. Reads see every write before them. */
export interface Copies {
  /**
   * Every record of the spans of which there is another copy, or another record of its inference, anywhere in the table;
   * and all that these share something with, directly or through others. In pages that share nothing with each other,
   * or say the same of what they share.
   */
  sharing(stream: Stream, spans: readonly Span[]): AsyncIterable<readonly Fact<Copy>[]>;
  /** The greatest append time in the spans, dead letters included, by partition. */
  appendedUntil(stream: Stream, topic: string, spans: readonly Span[]): Promise<ReadonlyMap<number, number>>;
}

interface SettlerParts {
  readonly stream: Stream;
  readonly topic: string;
  readonly store: Store;
  readonly copies: Copies;
  readonly partitions: Partitions;
  readonly progress: Progress;
  readonly metrics: Metrics;
  readonly retry: RetryOptions;
}

// A pass looks through the whole table: while records keep coming, a tenth of the time is spent on that, and the more they
// are, the more a pass takes at once. Whoever has been quiet may look at once, again and again, for so long altogether.
const PAUSE_PER_PASS = 9;
const PAUSE_MAX_MS = 30_000;
const CREDIT_MS = 1_000;
/** Offsets of one pass: what one statement can hold in memory. */
const OFFSETS_MAX = 1_000_000n;

interface Open extends Span {
  readonly state: PartitionState;
  /** Greatest append time below `to`; null where it has to be asked for. */
  readonly untilMs: number | null;
}

/**
 * Tells the records of its partitions apart from their copies, beside the batches and never in their way:
 *
 *   batches   ──write──▶ durable          of two copies in two partitions, whoever
 *   settler              look ──▶ say     settles second sees the other: both write first
 */
export class Settler {
  #asked = 0;
  #waiting: AbortController | null = null;
  #last: Promise<boolean> = Promise.resolve(false);

  constructor(private readonly parts: SettlerParts) {}

  /** Something became durable. Looked at immediately, unless much was looked at lately. */
  wake(): void {
    this.#asked += 1;
    this.#waiting?.abort();
  }

  /** Settles whatever becomes durable, until the signal aborts. Rejects with what waiting cannot help. */
  async run(signal: AbortSignal): Promise<void> {
    let creditMs = CREDIT_MS;
    let beforeMs = elapsedMs();
    const cost = new Cost();
    while (!signal.aborted) {
      const asked = this.#asked;
      let startMs = 0;
      const found = await retrying(() => {
        startMs = elapsedMs(); // An outage costs nothing.
        return this.#pass();
      }, this.parts.retry);
      creditMs = Math.min(creditMs + (startMs - beforeMs) / PAUSE_PER_PASS, CREDIT_MS);
      beforeMs = elapsedMs();
      if (found) creditMs -= cost.took(beforeMs - startMs);
      if (creditMs < 0) await sleep(Math.min(-creditMs * PAUSE_PER_PASS, PAUSE_MAX_MS), signal);
      else if (!found && this.#asked === asked) await this.#untilWoken(signal);
    }
  }

  /** Resolves when all that is durable by now is settled. */
  async settle(): Promise<void> {
    while (await retrying(() => this.#pass(), this.parts.retry));
  }

  async #untilWoken(signal: AbortSignal): Promise<void> {
    this.#waiting = new AbortController();
    await sleep(PAUSE_MAX_MS, AbortSignal.any([signal, this.#waiting.signal]));
    this.#waiting = null;
  }

  /** One pass at a time. False when there was nothing to settle. */
  #pass(): Promise<boolean> {
    const pass = this.#last.then(() => this.#settleOpen());
    this.#last = pass.catch(() => false);
    return pass;
  }

  async #settleOpen(): Promise<boolean> {
    const { stream, topic, copies, partitions, progress, metrics } = this.parts;
    const open = openSpans(partitions.all);
    if (open.length === 0) return false;
    const startMs = elapsedMs();
    const unknown = open.filter(({ untilMs }) => untilMs === null);
    const found = unknown.length === 0 ? null : await copies.appendedUntil(stream, topic, unknown);
    for await (const facts of copies.sharing(stream, open)) {
      metrics.bufferedRecords.set({ buffer: 'copies' }, facts.length);
      await this.#write(facts, open);
      metrics.bufferedRecords.set({ buffer: 'copies' }, 0);
    }
    for (const { state, partition, to, untilMs } of open) {
      // Taken by somebody else, or anew: whoever has it now settles it from where the tables say.
      if (partitions.of(state) !== state) continue;
      state.settled.settle({ offset: to, untilMs: untilMs ?? found?.get(partition) ?? 0 });
      state.changed = true;
    }
    // What fails is written by the next look.
    progress.soon().catch(() => undefined);
    metrics.settleSeconds.observe((elapsedMs() - startMs) / 1000);
    return true;
  }

  async #write(facts: readonly Fact<Copy>[], spans: readonly Span[]): Promise<void> {
    const { stream, store, metrics } = this.parts;
    const verdicts = tellApart(facts);
    await store.insert(
      'copy_rows',
      verdicts.map((verdict) => copyRow(stream, verdict)),
    );
    // What was found before is found again when another copy comes.
    const isNew = ({ position: { partition, offset } }: Fact<Copy>): boolean =>
      spans.some((span) => span.partition === partition && offset >= span.from && offset < span.to);
    for (const { fact, finding } of verdicts) if (finding !== null && isNew(fact)) metrics.copies.inc({ finding });
  }
}

/** A verdict as a row of `copy_rows`. */
export function copyRow(
  stream: Stream,
  { fact: { record, position }, finding, of, copies }: CopyVerdict<Copy>,
): object {
  return {
    stream,
    partition: position.partition,
    offset: position.offset.toString(),
    appended_at: position.appendedAtMs,
    event_id: record.event_id,
    subject_id: record.subject_id,
    counts: finding === null,
    finding: finding ?? '',
    of_partition: of.position.partition,
    of_offset: of.position.offset.toString(),
    copies,
  };
}

/** What is durable and not settled, as it is now: batches go on meanwhile. */
function openSpans(states: readonly PartitionState[]): Open[] {
  const open = states.filter(({ settled, nextOffset }) => nextOffset > settled.offset);
  const share = OFFSETS_MAX / BigInt(Math.max(open.length, 1));
  return open.map((state): Open => {
    const { partition, nextOffset, settled, appliedUntilMs } = state;
    const from = settled.offset;
    const whole = nextOffset - from <= share;
    // Of a part of what is there, and of what another owner applied, the append time is nowhere in memory.
    const known = whole && from >= settled.takenAt;
    return { state, partition, from, to: whole ? nextOffset : from + share, untilMs: known ? appliedUntilMs : null };
  });
}
