import { sweepOf, type Sweep } from '../core/histories.js';
import type { Metrics } from '../metrics.js';
import type { Definition } from './definition.js';
import type { Lane } from './lane.js';
import type { Partitions, PartitionState } from './partitions.js';
import type { GroupConsumer } from './ports.js';
import type { Progress } from './progress.js';
import type { ReleasesReader } from './releases-reader.js';
import { retrying, type RetryOptions } from './retry.js';
import type { Reviser, RevisedPage, RowPlace } from './reviser.js';
import type { Store } from './store.js';

interface SweeperParts {
  readonly definition: Definition;
  readonly store: Store;
  readonly consumer: GroupConsumer;
  readonly partitions: Partitions;
  readonly releases: ReleasesReader;
  readonly progress: Progress;
  readonly lane: Lane;
  /** Resolves when every row that was made so far is durable: rows on their way may know less than those after. */
  readonly flush: () => Promise<void>;
  readonly retry: RetryOptions;
  readonly metrics: Metrics;
  readonly rowsMax: number;
}

/**
 * Makes rows right that were joined before a release record was known. It runs beside the batches, a page at a time, once
 * all that was read before is durable; new records are joined with all that is known meanwhile. When every page is
 * written, the commit says so: its metadata is the offset of the releases topic that everything below is swept to.
 */
export class Sweeper {
  #running: Promise<void> | null = null;
  #reviser: Reviser | null = null;

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
    // What was read before this was known is durable after it; what is read from now on is joined with it.
    await this.parts.lane.run(() => this.parts.flush());
    for (const fact of facts) {
      const sweep = sweepOf(fact);
      if (sweep !== null) await this.#pages(sweep, { group, generation, target });
      if (generation !== partitions.generation) return;
    }
    await this.#finish(
      behind.filter((state) => state.sweptTo === from),
      { generation, target },
    );
    metrics.sweepsWaiting.set(0);
  }

  async #pages(
    sweep: Sweep,
    { group, generation, target }: { group: readonly PartitionState[]; generation: number; target: bigint },
  ): Promise<void> {
    const { definition, store, retry, partitions, releases, metrics, rowsMax } = this.parts;
    if (definition.attributed === undefined) return;
    const { table } = definition.attributed;
    this.#reviser ??= definition.attributed.reviser(releases);
    const reviser = this.#reviser;
    const limit = Math.min(rowsMax, reviser.rowsMax);
    const range = { partitions: group.map((state) => state.partition), releasesBelow: target, limit };
    const read = async (after: RowPlace | null): Promise<RevisedPage> => {
      const page = await retrying(
        async () => reviser.revise(await store.sweepPage(sweep, { ...range, after }, reviser.columns)),
        retry,
      );
      metrics.bufferedRecords.inc({ buffer: 'sweep' }, page.rowCount);
      return page;
    };
    // Every row is written again: mostly they do change, and one that says the same is not looked at a second time.
    const write = async ({ blocks, rowCount }: RevisedPage): Promise<void> => {
      await retrying(() => store.insertEncoded(table, blocks), retry);
      for (const block of blocks) block.release();
      metrics.bufferedRecords.dec({ buffer: 'sweep' }, rowCount);
      metrics.sweptRows.inc(rowCount);
    };
    // One is written while the next is read.
    metrics.bufferedMaxRecords.set({ buffer: 'sweep' }, limit * 2);
    let page: RevisedPage | null = await read(null);
    while (page !== null) {
      const isLast: boolean = page.rowCount < limit || generation !== partitions.generation;
      [page] = await Promise.all([isLast ? null : read(page.last), write(page)]);
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.parts.lane.run(async () => {
      await this.parts.flush();
      return work();
    });
  }

  async #finish(
    states: readonly PartitionState[],
    { generation, target }: { generation: number; target: bigint },
  ): Promise<void> {
    const { consumer, retry, partitions, progress } = this.parts;
    await this.#alone(() =>
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
