import { setImmediate as nextTurn } from 'node:timers/promises';

import { sleep } from '../clock.js';

/** Something read that is on its way into the database. */
export interface Portion {
  readonly rowCount: number;
  /** There is nothing more to read: whoever waits for it shall not wait for company. */
  readonly isLast: boolean;
}

/** The longest that what is read waits for company. */
const COMPANY_MS = 200;

interface PipelineParts<P extends Portion> {
  /** Makes portions durable and commits them, in their order. The signal aborts when nobody waits for that any more. */
  readonly write: (portions: readonly P[], signal: AbortSignal) => Promise<void>;
  /** Gathered rows beyond this wait until the write under way has ended. Half of it is worth a write. */
  readonly rowsMax: number;
  /** Told once of a write that failed for good. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * While one write is under way the next is gathered:
 *
 *   read    a b c | d e f g | h ...
 *   write         [ a b c ] [ d e f g ] ...
 *
 * At the end of the log a portion that finds nothing under way is written at once, with what the same fetch brought of
 * other partitions. Far from the end it waits a moment for more: large writes cost half. Writes never overlap and keep
 * the order of reading, so whatever is committed has everything before it durable.
 */
export class Pipeline<P extends Portion> {
  #gathered: P[] = [];
  #writing: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;
  #waiting: (() => void)[] = [];
  #discarded = new AbortController();
  /** Aborts when what is gathered is to be written without waiting for company. */
  #due = new AbortController();

  constructor(private readonly parts: PipelineParts<P>) {}

  /** Resolves when there is room for more, mostly at once. Throws if a write has failed or the signal aborts. */
  async add(portion: P, signal: AbortSignal): Promise<void> {
    while (this.#gathered.length > 0 && this.#rowCount + portion.rowCount > this.parts.rowsMax) {
      await this.#room(signal);
    }
    this.#throwFailure();
    this.#gathered.push(portion);
    if (portion.isLast || this.#rowCount * 2 >= this.parts.rowsMax) this.#due.abort();
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything that was added is durable and committed. Throws if that failed. */
  async flush(): Promise<void> {
    this.#due.abort();
    await this.#writing;
    this.#throwFailure();
  }

  /** Forgets what is gathered and what failed, and lets the write under way end: the log gives it all again. */
  async discard(): Promise<void> {
    this.#due.abort();
    this.#discarded.abort();
    this.#take();
    await this.#writing;
    this.#discarded = new AbortController();
    this.#failure = null;
  }

  async #writeAll(): Promise<void> {
    while (this.#gathered.length > 0) {
      await sleep(COMPANY_MS, this.#due.signal);
      // The other partitions of the same fetch come within this turn.
      await nextTurn();
      const portions = this.#take();
      if (portions.length === 0) continue;
      try {
        await this.parts.write(portions, this.#discarded.signal);
      } catch (error) {
        this.#failure = { error };
        this.#take();
        this.parts.onFailure(error);
      }
    }
    this.#writing = null;
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

  #take(): P[] {
    const portions = this.#gathered;
    this.#gathered = [];
    this.#due = new AbortController();
    for (const resolve of this.#waiting.splice(0)) resolve();
    return portions;
  }

  get #rowCount(): number {
    return this.#gathered.reduce((sum, { rowCount }) => sum + rowCount, 0);
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
