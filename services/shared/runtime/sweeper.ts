import { sweepOf, type Sweep } from '../core/histories.js';
import type { Metrics } from '../metrics.js';
import type { Definition } from './definition.js';
import type { Lane } from './lane.js';
import type { Partitions, PartitionState } from './partitions.js';
import type { GroupConsumer } from './ports.js';
import type { Progress } from './progress.js';
import type { ReleasesReader } from './releases-reader.js';
import { retrying, type RetryOptions } from './retry.js';
import type { Store } from './store.js';

interface SweeperParts {
  readonly definition: Definition;
  readonly store: Store;
  readonly consumer: GroupConsumer;
  readonly partitions: Partitions;
  readonly releases: ReleasesReader;
  readonly progress: Progress;
  readonly lane: Lane;
  readonly retry: RetryOptions;
  readonly metrics: Metrics;
  readonly rowsMax: number;
}

interface Page {
  readonly partitions: readonly number[];
  readonly after: string | null;
}

/**
 * Makes rows right that were joined before a release record was known. It runs between batches, a page at a time; new
 * records are joined with all that is known meanwhile. When every page is written, the commit says so: its metadata is
 * the offset of the releases topic that everything below the committed offset is swept to.
 */
export class Sweeper {
  #running: Promise<void> | null = null;

  constructor(private readonly parts: SweeperParts) {}

  /** Sweeps until nothing is behind; a sweep that is under way goes on to what came since. */
  async run(): Promise<void> {
    this.#running ??= this.#untilNothingIsBehind().finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  get idle(): boolean {
    return this.#running === null;
  }

  async #untilNothingIsBehind(): Promise<void> {
    const { partitions, releases } = this.parts;
    for (;;) {
      const target = releases.nextOffset;
      const behind = partitions.all.filter((state) => state.sweptTo < target);
      if (behind.length === 0) return;
      await this.#sweep(behind, target);
    }
  }

  /** Partitions that were left at different release offsets are swept apart, each from where it stands. */
  async #sweep(behind: readonly PartitionState[], target: bigint): Promise<void> {
    const { releases, metrics, partitions } = this.parts;
    const { generation } = partitions;
    const from = behind.reduce((least, state) => (state.sweptTo < least ? state.sweptTo : least), target);
    const group = behind.filter((state) => state.sweptTo === from);
    const facts = releases.between(from, target);
    metrics.sweepsWaiting.set(facts.length);
    for (const fact of facts) {
      const sweep = sweepOf(fact);
      if (sweep !== null) await this.#pages(sweep, group, generation);
      if (generation !== partitions.generation) return;
    }
    await this.#finish(
      behind.filter((state) => state.sweptTo === from),
      { generation, target },
    );
    metrics.sweepsWaiting.set(0);
  }

  async #pages(sweep: Sweep, group: readonly PartitionState[], generation: number): Promise<void> {
    const { store, lane, retry, partitions, rowsMax: limit } = this.parts;
    const mine = group.map((state) => state.partition);
    let after: string | null = null;
    for (;;) {
      const from: Page = { partitions: mine, after };
      const page = await lane.run(() =>
        retrying(async () => {
          const found = await store.sweepPage(sweep, { ...from, limit });
          if (found.count > 0) await this.#rewrite(sweep, { ...from, last: found.last });
          return found;
        }, retry),
      );
      if (page.count < limit || generation !== partitions.generation) return;
      after = page.last;
    }
  }

  /** Every row is written again: mostly they do change, and a row that says the same is harmless. */
  async #rewrite(sweep: Sweep, page: Page & { readonly last: string }): Promise<void> {
    const { definition, store, releases, metrics } = this.parts;
    if (definition.joined === null) return;
    const { partitions, after, last } = page;
    const rows = await definition.joined.rows({ kind: 'sweep', sweep, partitions, after, last }, { store, releases });
    await store.insert(definition.joined.table, rows);
    metrics.sweptRows.inc(rows.length);
  }

  async #finish(
    states: readonly PartitionState[],
    { generation, target }: { generation: number; target: bigint },
  ): Promise<void> {
    const { consumer, lane, retry, partitions, progress } = this.parts;
    await lane.run(() =>
      retrying(async () => {
        if (generation !== partitions.generation) return;
        const metadata = target.toString();
        await consumer.commit(
          states.map(({ topic, partition, nextOffset }) => ({ topic, partition, nextOffset, metadata })),
        );
        for (const state of states) {
          state.sweptTo = target;
          state.changed = true;
        }
        await progress.flush();
      }, retry),
    );
  }
}
