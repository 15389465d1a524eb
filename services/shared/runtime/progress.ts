import { now } from '../clock.js';
import type { Metrics } from '../metrics.js';
import type { Partitions, PartitionState } from './partitions.js';
import type { LogEnds } from './ports.js';
import type { Store } from './store.js';

const TABLE = 'progress_rows';
const MICROS_PER_MS = 1000;
// Under load progress is a hint; a waiting command and the horizon need it exact when the end is reached.
const BUSY_INTERVAL_MS = 250;

/** Writes how far each partition is: what is durable, and when its end was last seen to be reached. */
export class Progress {
  #lastMicros = 0;
  #writtenAtMs = 0;

  constructor(
    private readonly service: string,
    private readonly parts: {
      readonly store: Store;
      readonly ends: LogEnds;
      readonly partitions: Partitions;
      readonly metrics: Metrics;
    },
  ) {}

  /** After a batch: at once when the end was reached, else now and then. */
  async afterBatch(caughtUp: boolean): Promise<void> {
    if (caughtUp || now() - this.#writtenAtMs >= BUSY_INTERVAL_MS) await this.flush();
  }

  /** Looks at the ends of all partitions, marks those that are at theirs, and writes. */
  async look(): Promise<void> {
    const { ends, partitions, metrics } = this.parts;
    for (const topic of new Set(partitions.all.map((state) => state.topic))) {
      const askedAtMs = now();
      const found = await ends.endOffsets(topic);
      for (const state of partitions.all.filter((one) => one.topic === topic)) {
        const end = found.get(state.partition);
        if (end === undefined) continue;
        const labels = { topic, partition: state.partition };
        metrics.lagRecords.set(labels, Number(end > state.nextOffset ? end - state.nextOffset : 0n));
        if (end > state.nextOffset) continue;
        state.idleAtMs = askedAtMs;
        state.changed = true;
      }
    }
    await this.flush();
  }

  async flush(): Promise<void> {
    const changed = this.parts.partitions.all.filter((state) => state.changed);
    if (changed.length === 0) return;
    this.#writtenAtMs = now();
    for (const state of changed) {
      state.changed = false;
      this.parts.metrics.nextOffset.set({ topic: state.topic, partition: state.partition }, Number(state.nextOffset));
    }
    try {
      await this.parts.store.insert(
        TABLE,
        changed.map((state) => this.#row(state)),
      );
    } catch (error) {
      for (const state of changed) state.changed = true;
      throw error;
    }
  }

  #row(state: PartitionState): object {
    // Two rows of one microsecond would leave it to chance which holds.
    this.#lastMicros = Math.max(this.#lastMicros + 1, now() * MICROS_PER_MS);
    return {
      service: this.service,
      topic: state.topic,
      partition: state.partition,
      next_offset: state.nextOffset.toString(),
      applied_until: state.appliedUntilMs,
      release_offset: state.sweptTo.toString(),
      idle_at: state.idleAtMs,
      updated_at: this.#lastMicros,
    };
  }
}
