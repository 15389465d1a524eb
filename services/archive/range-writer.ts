import type { SpanBatch } from '../shared/kafka/span-reader.js';
import { SegmentWriter, type SegmentLimits, type SegmentStart, type Written } from './segment-writer.js';

/** A file that is whole, and what it is of. */
export interface ClosedRange {
  readonly start: SegmentStart;
  readonly to: bigint;
  /** Offsets from here up to the start were deleted before they were read; null: none. */
  readonly lostFrom: bigint | null;
  readonly path: string;
  readonly written: Written;
}

export interface RangeWriterOptions {
  readonly limits: SegmentLimits;
  /** Where the file that is being written lies. */
  readonly path: string;
  readonly onClosed: (closed: ClosedRange) => Promise<void>;
}

/**
 * Cuts what is read of a partition into segments, one behind the other:
 *
 *   from            lost                           to
 *    |-- segment --|      |-- segment --|- segment -|
 */
export class RangeWriter {
  #segment: SegmentWriter | null = null;
  #from: bigint;
  #next: bigint;
  #lostFrom: bigint | null = null;
  #written: Promise<void> = Promise.resolve();

  constructor(
    private readonly start: SegmentStart,
    private readonly options: RangeWriterOptions,
  ) {
    this.#from = start.from;
    this.#next = start.from;
  }

  /** Resolves, or throws, when what was added before is written: one batch is on its way while the next is read. */
  async add(batch: SpanBatch): Promise<void> {
    await this.#written;
    this.#written = this.#append(batch);
    // Whoever adds next, or ends, hears of it.
    this.#written.catch(() => undefined);
  }

  async #append({ records, startOffset, nextOffset }: SpanBatch): Promise<void> {
    if (startOffset > this.#next) await this.#skipLost(startOffset);
    for (const record of records) {
      this.#segment ??= this.#open();
      const drained = this.#segment.add(record);
      if (drained !== null) await drained;
      this.#next = record.offset + 1n;
      if (this.#segment.isFull) await this.#close(this.#next);
    }
    if (nextOffset > this.#next) this.#next = nextOffset;
  }

  /** Closes the last segment. What was not read by now has been deleted; whatever follows declares it. */
  async end(to: bigint): Promise<void> {
    await this.#written;
    if (this.#next > to) this.#next = to;
    if (this.#next > this.#from) await this.#close(this.#next);
  }

  async discard(): Promise<void> {
    await this.#written.catch(() => undefined);
    await this.#segment?.discard();
    this.#segment = null;
  }

  async #skipLost(startOffset: bigint): Promise<void> {
    if (this.#next > this.#from) await this.#close(this.#next);
    this.#lostFrom ??= this.#next;
    this.#from = startOffset;
    this.#next = startOffset;
  }

  #open(): SegmentWriter {
    return new SegmentWriter({ ...this.start, from: this.#from }, this.options.limits, this.options.path);
  }

  async #close(to: bigint): Promise<void> {
    const segment = this.#segment ?? this.#open();
    const written = await segment.close(to);
    const start = { ...this.start, from: this.#from };
    await this.options.onClosed({ start, to, lostFrom: this.#lostFrom, path: segment.path, written });
    this.#segment = null;
    this.#lostFrom = null;
    this.#from = to;
  }
}
