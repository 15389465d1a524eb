import { setImmediate as nextTurn } from 'node:timers/promises';

import { elapsedMs, sleep } from '../clock.js';
import { Cost } from './cost.js';

/** Something read that is on its way into the database. */
export interface Portion {
  /** Its records, where room is measured; at least one, as nothing is free of charge. */
  readonly recordCount: number;
  /** What is kept in memory for it. */
  readonly byteCount: number;
  /** There is nothing more to read: whoever waits for it shall not wait for company. */
  readonly isLast: boolean;
}

export interface Amount {
  readonly records: number;
  readonly bytes: number;
}

/** The longest that what is read waits for company. */
const COMPANY_MS = 200;
/** Small writes cost the database as much as large ones: what they take beyond the first is rested for three times as long. */
const QUICK_MS = 50;
const REST_PER_WRITE = 3;
const NOTHING: Amount = { records: 0, bytes: 0 };

/** Whoever says how full it is. */
interface Pressure {
  /** What is held has changed. */
  held(gathered: Amount, writing: Amount): void;
  /** Somebody waits for room; what it returns is called when the waiting is over. */
  pause(reason: 'database'): () => void;
}

interface PipelineParts<P extends Portion> {
  /** Makes portions durable and commits them, in their order. The signal aborts when nobody waits for that any more. */
  readonly write: (portions: readonly P[], signal: AbortSignal) => Promise<void>;
  /** What is gathered beyond either waits until the write under way has ended. Half of either is worth a write. */
  readonly max: Amount;
  /** Told once of a write that failed for good. */
  readonly onFailure: (error: unknown) => void;
  readonly pressure: Pressure;
}

/**
 * While one write is under way the next is gathered:
 *
 *   read    a b c | d e f g | h ...
 *   write         [ a b c ] [ d e f g ] ...
 *
 * At the end of the log a portion that finds nothing under way is written at once, with what the same fetch brought of
 * other partitions, or a moment later if the last write was just now. Far from the end it waits a moment for more: large writes cost
 * half. Writes never overlap and keep the order of reading, so whatever is committed has everything before it durable.
 *
 * So no more is held than is gathered, as much again that is being written, and the one portion that waits for room. A
 * portion that is larger than the bound is taken alone.
 */
export class Pipeline<P extends Portion> {
  #gathered: P[] = [];
  #amount = NOTHING;
  #beingWritten = NOTHING;
  #writing: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;
  #waiting: (() => void)[] = [];
  #discarded = new AbortController();
  /** Aborts when what is gathered is to be written without waiting for company. */
  #due = new AbortController();
  /** Aborts when it is to be written at once. */
  #urgent = new AbortController();
  /** Until when a small write waits. */
  #restUntilMs = 0;
  readonly #cost = new Cost();

  constructor(private readonly parts: PipelineParts<P>) {}

  /** Resolves when there is room for more, mostly at once. Throws if a write has failed or the signal aborts. */
  async add(portion: P, signal: AbortSignal): Promise<void> {
    if (!this.#hasRoomFor(portion)) await this.#untilRoomFor(portion, signal);
    this.#throwFailure();
    this.#gathered.push(portion);
    this.#amount = sum([this.#amount, amountOf(portion)]);
    this.#tell();
    const { max } = this.parts;
    const isMuch = this.#amount.records * 2 >= max.records || this.#amount.bytes * 2 >= max.bytes;
    if (portion.isLast) this.#due.abort();
    if (isMuch) this.#hurry();
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything that was added is durable and committed. Throws if that failed. */
  async flush(): Promise<void> {
    this.#hurry();
    await this.#writing;
    this.#throwFailure();
  }

  /** Forgets what is gathered and what failed, and lets the write under way end: the log gives it all again. */
  async discard(): Promise<void> {
    this.#hurry();
    this.#discarded.abort();
    this.#take();
    await this.#writing;
    this.#discarded = new AbortController();
    this.#failure = null;
  }

  async #writeAll(): Promise<void> {
    while (this.#gathered.length > 0) {
      await sleep(COMPANY_MS, this.#due.signal);
      await sleep(this.#restUntilMs - elapsedMs(), this.#urgent.signal);
      // The other partitions of the same fetch come within this turn.
      await nextTurn();
      const portions = this.#take();
      if (portions.length === 0) continue;
      this.#beingWritten = sum(portions.map(amountOf));
      const begunMs = elapsedMs();
      this.#tell();
      try {
        await this.parts.write(portions, this.#discarded.signal);
      } catch (error) {
        this.#failure = { error };
        this.#take();
        this.parts.onFailure(error);
      }
      const costMs = this.#cost.took(elapsedMs() - begunMs);
      const restMs = Math.max(costMs - QUICK_MS, 0) * REST_PER_WRITE;
      this.#restUntilMs = begunMs + Math.min(costMs + restMs, COMPANY_MS);
      this.#beingWritten = NOTHING;
      this.#tell();
    }
    this.#writing = null;
  }

  #hasRoomFor({ recordCount, byteCount }: P): boolean {
    const { max } = this.parts;
    const { records, bytes } = this.#amount;
    return this.#gathered.length === 0 || (records + recordCount <= max.records && bytes + byteCount <= max.bytes);
  }

  async #untilRoomFor(portion: P, signal: AbortSignal): Promise<void> {
    const waited = this.parts.pressure.pause('database');
    try {
      while (!this.#hasRoomFor(portion)) await this.#room(signal);
    } finally {
      waited();
    }
  }

  async #room(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
    signal.throwIfAborted();
  }

  #hurry(): void {
    this.#due.abort();
    this.#urgent.abort();
  }

  #take(): P[] {
    const portions = this.#gathered;
    this.#gathered = [];
    this.#amount = NOTHING;
    this.#due = new AbortController();
    this.#urgent = new AbortController();
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#tell();
    return portions;
  }

  #tell(): void {
    this.parts.pressure.held(this.#amount, this.#beingWritten);
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}

function amountOf({ recordCount, byteCount }: Portion): Amount {
  return { records: recordCount, bytes: byteCount };
}

function sum(amounts: readonly Amount[]): Amount {
  return amounts.reduce((all, { records, bytes }) => ({ records: all.records + records, bytes: all.bytes + bytes }));
}
