/** A task that runs as long as this instance leads: started when it takes the lead, ended when it loses it. */
export class WhileLeading {
  #running: { readonly ending: AbortController; readonly ended: Promise<void> } | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(private readonly task: (signal: AbortSignal) => Promise<void>) {}

  /** Starts it unless it runs. Throws what ended it, if anything did. */
  go(): void {
    if (this.#failure !== null) throw this.#failure.error;
    if (this.#running !== null) return;
    const ending = new AbortController();
    const ended = this.task(ending.signal).catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#running = { ending, ended };
  }

  /** Resolves when it has ended. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    running?.ending.abort();
    await running?.ended;
  }
}
