import { exception } from './errors.js';

/** Lets `width` statements run at once and `queueMax` wait; more are refused as a server that is full refuses them. */
export class Gate {
  readonly #width: number;
  readonly #queueMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: { width: number; queueMax: number }) {
    this.#width = options.width;
    this.#queueMax = options.queueMax;
  }

  /** Resolves when it is our turn, with the function that ends it. `signal`: the client went away while waiting. */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (this.#running < this.#width) {
      this.#running++;
      return this.#leaveOnce();
    }
    if (this.#waiting.length >= this.#queueMax) {
      throw exception(
        202,
        'TOO_MANY_SIMULTANEOUS_QUERIES',
        `Too many simultaneous queries: ${String(this.#width)} run and ${String(this.#waiting.length)} wait, which is the maximum`,
      );
    }
    await new Promise<void>((resolve) => {
      const turn = (): void => {
        signal.removeEventListener('abort', gone);
        resolve();
      };
      const gone = (): void => {
        const index = this.#waiting.indexOf(turn);
        if (index === -1) return;
        this.#waiting.splice(index, 1);
        this.#running++;
        resolve();
      };
      this.#waiting.push(turn);
      signal.addEventListener('abort', gone, { once: true });
    });
    return this.#leaveOnce();
  }

  #leaveOnce(): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    };
  }
}
