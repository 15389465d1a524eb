/** How far apart the clocks of the brokers and ours may be: the end of a log, asked for at T, is its end at T less this. */
const CLOCK_SKEW_MS = 1_000;

/** Where a progress row says that the last owner of a partition left it. */
export interface LeftAt {
  readonly nextOffset: bigint;
  readonly appliedUntilMs: number;
  readonly completeUntilMs: number;
  readonly idleAtMs: number;
  /** Of payments: offsets of the topic it follows (Following.linked). */
  readonly linked: Readonly<Record<string, string>>;
}

export const NOTHING_SETTLED: LeftAt = {
  nextOffset: 0n,
  appliedUntilMs: 0,
  completeUntilMs: 0,
  idleAtMs: 0,
  linked: {},
};

/**
 * Up to when a log is known to be read. Its end is asked for, and got to later:
 *
 *   append time    ──── records ────────┤ T, the end is E          records after T may be on their way
 *   offset                   ──────▶ E reached: everything appended up to T is read
 */
export class ReachedEnd {
  #asked: { readonly end: bigint; readonly atMs: number } | null = null;
  #untilMs = 0;

  get untilMs(): number {
    return this.#untilMs;
  }

  /** `atMs` is from before the question. A question that is still open goes first, or a busy log would never answer one. */
  asked({ end, atMs }: { readonly end: bigint; readonly atMs: number }, offset: bigint): void {
    this.reached(offset);
    this.#asked ??= { end, atMs };
    this.reached(offset);
  }

  reached(offset: bigint): void {
    if (this.#asked === null || offset < this.#asked.end) return;
    this.#untilMs = Math.max(this.#untilMs, this.#asked.atMs - CLOCK_SKEW_MS);
    this.#asked = null;
  }
}

/**
 * How far a partition is settled: durable, and told apart from its copies. Behind what is committed, and what readers of
 * the tables go by.
 *
 *   settled ◀─── durable, to be told apart ───▶ nextOffset ◀─── on its way ───▶ end of the log
 */
export class Settled {
  readonly #end = new ReachedEnd();
  readonly #releases = new ReachedEnd();
  #offset: bigint;
  #untilMs: number;
  #completeUntilMs: number;
  #idleAtMs: number;

  /** @param takenAt where reading goes on: what lies between there and `left` was applied by another owner */
  constructor(
    left: LeftAt,
    readonly takenAt: bigint,
  ) {
    // After a group was set back, what comes again is settled again.
    this.#offset = left.nextOffset < takenAt ? left.nextOffset : takenAt;
    this.#untilMs = left.appliedUntilMs;
    this.#completeUntilMs = left.completeUntilMs;
    this.#idleAtMs = left.idleAtMs;
  }

  /** Everything below is settled. */
  get offset(): bigint {
    return this.#offset;
  }

  /** Greatest append time settled. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** When the end of the partition was last seen to be `offset`; 0 if never. */
  get idleAtMs(): number {
    return this.#idleAtMs;
  }

  /** Everything appended up to here is settled, and joined with all that was appended up to here. Never goes back. */
  get completeUntilMs(): number {
    return this.#completeUntilMs;
  }

  settle(to: { readonly offset: bigint; readonly untilMs: number }): void {
    if (to.offset > this.#offset) this.#offset = to.offset;
    this.#untilMs = Math.max(this.#untilMs, to.untilMs);
    this.#end.reached(this.#offset);
  }

  /** The end of the partition, asked for at a time of our clock. */
  sawEnd(seen: { readonly end: bigint; readonly atMs: number }): void {
    this.#end.asked(seen, this.#offset);
    if (seen.end <= this.#offset) this.#idleAtMs = seen.atMs;
  }

  /** The same of the releases topic, whose records below `sweptTo` the rows of the partition hold. */
  sawReleases(seen: { readonly end: bigint; readonly atMs: number }, sweptTo: bigint): void {
    this.#releases.asked(seen, sweptTo);
  }

  /**
   * Moves `completeUntilMs`. A partition that is behind is complete to just below the append time it is at, as more of the
   * same millisecond may follow.
   * @param joined what else bounds it: `sweptTo` of rows that hold what releases say, the time up to which links are followed
   */
  complete({
    sweptTo,
    linkedUntilMs,
  }: {
    readonly sweptTo: bigint | null;
    readonly linkedUntilMs: number | null;
  }): void {
    const bounds = [Math.max(this.#untilMs - 1, this.#end.untilMs)];
    if (sweptTo !== null) {
      this.#releases.reached(sweptTo);
      bounds.push(this.#releases.untilMs);
    }
    if (linkedUntilMs !== null) bounds.push(linkedUntilMs);
    this.#completeUntilMs = Math.max(this.#completeUntilMs, Math.min(...bounds));
  }
}
