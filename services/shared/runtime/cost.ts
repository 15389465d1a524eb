const PASSES = 3;

/**
 * What a pass costs: the least that one of the last few took, and nothing before there were as many. A server that was away or
 * slow makes a pass long without any work being done, and whoever pauses in proportion would be late for as long again.
 */
export class Cost {
  #lastMs: number[] = Array.from({ length: PASSES - 1 }, () => 0);

  /** @returns what it costs by now, in milliseconds */
  took(ms: number): number {
    this.#lastMs = [...this.#lastMs, ms].slice(-PASSES);
    return Math.min(...this.#lastMs);
  }
}
