import { elapsedMs, sleep } from '../shared/clock.js';
import type { Assigned, Batch, Commit, ConsumerHandlers, GroupConsumer } from '../shared/runtime/ports.js';

type Spans = ReadonlyMap<number, { readonly from: bigint; readonly to: bigint }>;

/** Where a run remembers how far it has read. */
export interface Places {
  read(): Promise<ReadonlyMap<number, NonNullable<Assigned['committed']>>>;
  write(commits: readonly Commit[]): Promise<void>;
}

export interface RangeOptions {
  readonly spans: Spans;
  readonly places: Places;
  /** Part of the time that reading and applying may take, 0 < share <= 1: the rest is left to others. */
  readonly share: number;
  readonly signal: AbortSignal;
  readonly onRead?: (records: number) => void;
}

/** A consumer that ends each partition where the manifest does. */
export interface RangeConsumer extends GroupConsumer {
  /** Resolves when every range is read. */
  readonly done: Promise<void>;
}

/**
 * Reads some ranges of a topic as a service reads all of it. `inner` is in a group of its own that commits nothing and is
 * thrown away; what is durable is remembered in the database of the run.
 */
export function rangeConsumer(inner: GroupConsumer, options: RangeOptions): RangeConsumer {
  const { spans, places, share, signal, onRead } = options;
  const read = new Map<number, bigint>();
  const open = new Set([...spans].filter(([, { to }]) => to > 0n).map(([partition]) => partition));
  let finish = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const reached = (partition: number, nextOffset: bigint): void => {
    read.set(partition, nextOffset);
    if (nextOffset >= (spans.get(partition)?.to ?? 0n)) open.delete(partition);
    if (open.size === 0) finish();
  };
  if (open.size === 0) finish();

  async function assigned(partitions: readonly Assigned[], handlers: ConsumerHandlers): Promise<void> {
    const left = await places.read();
    const ours = partitions
      .filter(({ partition }) => spans.has(partition))
      .map((one): Assigned => ({ ...one, committed: left.get(one.partition) ?? null }));
    await handlers.assigned(ours);
    for (const { topic, partition, startOffset, committed } of ours) {
      const { to } = spans.get(partition) ?? { to: 0n };
      reached(partition, committed?.nextOffset ?? 0n);
      // Nothing of it is in the log any more, and reading would never come to its end.
      if (startOffset >= to && open.has(partition)) {
        const nothing = { topic, partition, records: [], startOffset: to, nextOffset: to, endOffset: to };
        await handlers.batch(nothing, signal);
        reached(partition, to);
      }
    }
  }

  async function batch(given: Batch, handlers: ConsumerHandlers, moved: AbortSignal): Promise<void> {
    const span = spans.get(given.partition);
    const cut = span === undefined ? null : cutBatch(given, { from: read.get(given.partition) ?? 0n, to: span.to });
    if (cut === null) return;
    const startMs = elapsedMs();
    await handlers.batch(cut, moved);
    reached(cut.partition, cut.nextOffset);
    onRead?.(cut.records.length);
    const restMs = (elapsedMs() - startMs) * (1 / share - 1);
    if (restMs > 0) await sleep(restMs, AbortSignal.any([signal, moved]));
  }

  return {
    done,
    async start(handlers) {
      await inner.start({
        ...handlers,
        assigned: (partitions) => assigned(partitions, handlers),
        batch: (given, moved) => batch(given, handlers, moved),
      });
    },
    commit: (commits) => places.write(commits),
    stop: () => inner.stop(),
  };
}

/** The part of a batch that lies in [from, to), or null when there is none. */
export function cutBatch(batch: Batch, { from, to }: { readonly from: bigint; readonly to: bigint }): Batch | null {
  const start = batch.startOffset ?? batch.records[0]?.offset ?? from;
  if (from >= to || batch.nextOffset <= from) return null;
  const within = (offset: bigint): bigint => (offset < from ? from : offset > to ? to : offset);
  return {
    ...batch,
    records: batch.records.filter(({ offset }) => offset >= from && offset < to),
    startOffset: within(start),
    nextOffset: within(batch.nextOffset),
    endOffset: to,
  };
}
