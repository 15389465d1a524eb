/** Params of a statement have bounds: so many items at most are one statement. */
const ITEMS_MAX = 50;

/**
 * Asks for many things with one statement: whatever is asked for in one turn of the event loop goes together. A single
 * question waits for nobody; of the sixty of a story, planning the statements would cost more than all they read.
 */
export class Batch<Item, Result> {
  readonly #answer: (items: readonly Item[]) => Promise<readonly Result[]>;
  #pending: {
    readonly item: Item;
    readonly resolve: (result: Result) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];

  /** @param answer gives a result for each item, in their order */
  constructor(answer: (items: readonly Item[]) => Promise<readonly Result[]>) {
    this.#answer = answer;
  }

  ask(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ item, resolve, reject });
      if (this.#pending.length === 1) setImmediate(() => void this.#flush());
      else if (this.#pending.length === ITEMS_MAX) void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const asked = this.#pending;
    this.#pending = [];
    if (asked.length === 0) return;
    try {
      const results = await this.#answer(asked.map(({ item }) => item));
      asked.forEach(({ resolve }, i) => {
        resolve(results[i] as Result);
      });
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}
