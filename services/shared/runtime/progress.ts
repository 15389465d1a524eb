import { elapsedMs, now, sleep } from '../clock.js';
import type { Metrics } from '../metrics.js';
import type { Partitions, PartitionState } from './partitions.js';
import type { LogEnds } from './ports.js';
import type { Store } from './store.js';

const TABLE = 'progress_rows';
/** A write costs the same whatever it says: while there is always something new to say, so many times as long is waited. */
const REST_PER_WRITE = 9;
const REST_MAX_MS = 1_000;

/** What a service does beside its batches before its rows say all: payments look for the inferences that came later. */
export interface Following {
  /** The partitions are ours now; where their last owners had followed to. Nothing of a new one is applied yet. */
  taken(
    partitions: ReadonlyMap<number, { readonly linked: Readonly<Record<string, string>>; readonly isNew: boolean }>,
  ): Promise<void>;
  /** Everything appended up to then, in whatever topic it follows, is followed for the partition. */
  untilMs(partition: number): number;
  /** Offsets below which each partition of the topic it follows is followed: the next owner goes on from there. */
  linked(partition: number): Readonly<Record<string, string>>;
}

interface ProgressParts {
  readonly topics: { readonly input: string; readonly releases: string };
  readonly store: Store;
  readonly ends: LogEnds;
  readonly partitions: Partitions;
  readonly metrics: Metrics;
  /** Rows hold what releases say: they are complete only as far as that is known. */
  readonly joinsReleases: boolean;
  readonly following?: Following | undefined;
}

/** Says how far each partition is settled, and up to when it is complete: the horizon is the least of the latter. */
export class Progress {
  #announced = 0;
  #flushed: Promise<unknown> = Promise.resolve();
  #soon: Promise<void> | null = null;
  #restUntilMs = 0;

  constructor(
    private readonly service: string,
    private readonly parts: ProgressParts,
  ) {}

  /** A row for every partition of the topic that never wins: the horizon waits for those that nobody has taken yet. */
  async start(): Promise<void> {
    await this.#announce(await this.parts.ends.endOffsets(this.parts.topics.input));
  }

  /** Looks at the ends of the topics, marks what is complete, and writes. */
  async look(): Promise<void> {
    const { ends, partitions, metrics, topics, joinsReleases } = this.parts;
    const atMs = now();
    const [found, releases] = await Promise.all([
      ends.endOffsets(topics.input),
      joinsReleases ? ends.endOffsets(topics.releases) : null,
    ]);
    await this.#announce(found);
    const releasesEnd = releases?.get(0) ?? 0n;
    // Another instance may have taken some since: what was said of them is not ours to say any more.
    for (const gauge of [metrics.lagRecords, metrics.nextOffset, metrics.unsettled, metrics.completeUntil])
      gauge.reset();
    for (const state of partitions.all) {
      const end = found.get(state.partition);
      if (end === undefined) continue;
      const labels = { topic: state.topic, partition: state.partition };
      metrics.lagRecords.set(labels, Number(end > state.nextOffset ? end - state.nextOffset : 0n));
      state.settled.sawEnd({ end, atMs });
      if (joinsReleases) state.settled.sawReleases({ end: releasesEnd, atMs }, state.sweptTo);
      state.changed = true;
    }
    await this.soon();
  }

  /**
   * Writes the rows of partitions about which there is something new to say. One write after the other: the database says when
   * each came, and one that overtook the next would hide it.
   */
  flush(): Promise<void> {
    const flushed = this.#flushed.then(() => this.#write());
    this.#flushed = flushed.catch(() => undefined);
    return flushed;
  }

  /** The same at once, or a moment after the last write, together with what else there is to say by then. */
  soon(): Promise<void> {
    this.#soon ??= sleep(this.#restUntilMs - elapsedMs()).then(() => {
      this.#soon = null;
      return this.flush();
    });
    return this.#soon;
  }

  async #write(): Promise<void> {
    const changed = this.parts.partitions.all.filter((state) => state.changed);
    if (changed.length === 0) return;
    for (const state of changed) state.changed = false;
    const begunMs = elapsedMs();
    try {
      await this.parts.store.insert(
        TABLE,
        changed.map((state) => this.#row(state)),
      );
    } catch (error) {
      for (const state of changed) state.changed = true;
      throw error;
    } finally {
      const endedMs = elapsedMs();
      this.#restUntilMs = endedMs + Math.min((endedMs - begunMs) * REST_PER_WRITE, REST_MAX_MS);
    }
  }

  #row(state: PartitionState): object {
    const { partition, settled, sweptTo } = state;
    const { joinsReleases, following, metrics } = this.parts;
    settled.complete({
      sweptTo: joinsReleases ? sweptTo : null,
      linkedUntilMs: following === undefined ? null : following.untilMs(partition),
    });
    const labels = { topic: state.topic, partition };
    metrics.nextOffset.set(labels, Number(state.nextOffset));
    metrics.unsettled.set(labels, Number(state.nextOffset - settled.offset));
    metrics.completeUntil.set(labels, settled.completeUntilMs / 1000);
    // When it was written is for the database to say: our clock may be ahead of the next owner's.
    return {
      service: this.service,
      topic: state.topic,
      partition,
      next_offset: settled.offset.toString(),
      applied_until: settled.untilMs,
      release_offset: sweptTo.toString(),
      complete_until: settled.completeUntilMs,
      linked: following?.linked(partition) ?? {},
      idle_at: settled.idleAtMs,
    };
  }

  async #announce(ends: ReadonlyMap<number, bigint>): Promise<void> {
    if (ends.size <= this.#announced) return;
    const zero = { service: this.service, topic: this.parts.topics.input, updated_at: 0 };
    await this.parts.store.insert(
      TABLE,
      [...ends.keys()].map((partition) => ({ ...zero, partition })),
    );
    this.#announced = ends.size;
  }
}
