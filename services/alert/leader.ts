import { asBacktrailError } from '../shared/errors.js';
import type { Assigned, Commit, ConsumerHandlers, GroupConsumer } from '../shared/runtime/ports.js';

/**
 * One instance at a time leads: the owner of the only partition of the releases topic. The others stand by. A release
 * record also says that there is something to look at.
 */
export class Leader {
  #leads = false;
  #failure: Error | null = null;
  /** What a commit of ours says, so that saying it again changes nothing. */
  #place: Commit | null = null;
  #wake: () => void = () => undefined;

  constructor(private readonly consumer: GroupConsumer) {}

  get leads(): boolean {
    return this.#leads;
  }

  /** Throws what ended the consumer, if anything did. */
  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  async start(): Promise<void> {
    const handlers: ConsumerHandlers = {
      moved: () => {
        this.#leads = false;
        return Promise.resolve();
      },
      assigned: (partitions) => {
        this.#place = partitions.map(placeOf)[0] ?? null;
        this.#leads = this.#place !== null;
        this.#wake();
        return Promise.resolve();
      },
      batch: async ({ topic, partition, nextOffset }) => {
        this.#place = { topic, partition, nextOffset, metadata: '' };
        this.#wake();
        await this.consumer.commit([this.#place]);
      },
      crashed: (error) => {
        this.#failure = error;
        this.#leads = false;
        this.#wake();
      },
    };
    await this.consumer.start(handlers);
  }

  /** Asks the group: one that slept for long does not know that it was given up. False: it leads no more. */
  async confirm(): Promise<boolean> {
    try {
      if (this.#place !== null) await this.consumer.commit([this.#place]);
      return this.#leads;
    } catch (error) {
      if (asBacktrailError(error).code !== 'KAFKA_GROUP_MOVED') throw error;
      this.#leads = false;
      return false;
    }
  }

  /** Resolves after some time, when there is something to look at, or when the signal aborts. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
      if (signal.aborted) done();
    });
  }

  stop(): Promise<void> {
    return this.consumer.stop();
  }
}

function placeOf({ topic, partition, startOffset, committed }: Assigned): Commit {
  return { topic, partition, nextOffset: committed?.nextOffset ?? startOffset, metadata: '' };
}
