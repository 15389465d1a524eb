import { elapsedMs, sleep } from '../shared/clock.js';
import type { OffsetRange } from '../shared/clickhouse/completeness.js';
import type { Assigned, Batch, Commit, ConsumerHandlers, GroupConsumer } from '../shared/runtime/ports.js';
import { LogContent, NOTHING_READ, type ReadSoFar } from './log-content.js';
import type { Span } from './ranges.js';

type Spans = ReadonlyMap<number, Span>;
type Committed = NonNullable<Assigned['committed']>;

/** Where a run remembers how far it has read, and what that was. */
export interface Places {
  read(): Promise<ReadonlyMap<number, Committed & { readonly read: ReadSoFar }>>;
  write(commits: readonly (Commit & { readonly read: ReadSoFar })[]): Promise<void>;
}

export interface RangeOptions {
  readonly spans: Spans;
  readonly places: Places;
  /** Part of the time that reading and applying may take, 0 < share <= 1: the rest is left to others. */
  readonly share: number;
  readonly signal: AbortSignal;
  /** Told of records that are read, and of those that were before the run was cut off. */
  readonly onRead?: (records: number, when: 'now' | 'before') => void;
}

/** A consumer that reads of each partition what the manifest says, and ends it where that does. */
export interface RangeConsumer extends GroupConsumer {
  /** Resolves when every range is read. */
  readonly done: Promise<void>;
  /** What was read of each partition. */
  read(): ReadonlyMap<number, ReadSoFar>;
}

/** Everything below `next` is read or passed over. */
interface Mark {
  readonly next: bigint;
  readonly read: ReadSoFar;
}

/** Where a partition is, and where it was: a commit is behind what is read, or ahead of what is known to be taken. */
interface Place {
  now: Mark;
  marks: Mark[];
}

/**
 * Reads some ranges of a topic as a service reads all of it. `inner` is in a group of its own that commits nothing and is
 * thrown away; what is durable is remembered in the database of the run. What lies between ranges is told as a batch without
 * records, so that every offset is accounted for, and not fetched.
 */
export function rangeConsumer(inner: GroupConsumer, options: RangeOptions): RangeConsumer {
  const { spans, places, share, signal, onRead } = options;
  const at = new Map<number, Place>();
  const open = new Set([...spans].filter(([, { to }]) => to > 0n).map(([partition]) => partition));
  let finish = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  if (open.size === 0) finish();

  async function assigned(partitions: readonly Assigned[], handlers: ConsumerHandlers): Promise<void> {
    const left = await places.read();
    const ours = partitions
      .filter(({ partition }) => spans.has(partition))
      .map((one): Assigned => ({ ...one, committed: left.get(one.partition) ?? null }));
    for (const { partition, committed } of ours) {
      const now = { next: committed?.nextOffset ?? 0n, read: left.get(partition)?.read ?? NOTHING_READ };
      if (!at.has(partition) && now.read.records > 0) onRead?.(now.read.records, 'before');
      at.set(partition, { now, marks: [now] });
    }
    await handlers.assigned(ours);
    for (const { topic, partition, startOffset } of ours) {
      const { to } = spans.get(partition) as Span;
      // What is not in the log any more, up to the end: reading would never come to it.
      const rest = startOffset >= to ? to : 0n;
      const none: Batch = { topic, partition, records: [], startOffset: rest, nextOffset: rest, endOffset: to };
      await take(none, handlers, signal);
      const { next } = (at.get(partition) as Place).now;
      if (open.has(partition) && next > startOffset) inner.seek?.({ topic, partition, offset: next });
    }
  }

  /** Hands on what the run wants of a batch, piece by piece, and passes over what it does not want. */
  async function take(given: Batch, handlers: ConsumerHandlers, moved: AbortSignal): Promise<number> {
    const [span, place] = [spans.get(given.partition), at.get(given.partition)];
    if (span === undefined || place === undefined) return 0;
    let records = 0;
    for (;;) {
      const piece = nextPiece(given, span, place.now.next);
      if (piece === null) break;
      const content = new LogContent(place.now.read);
      for (const record of piece.records) content.add(record);
      const then = { next: piece.nextOffset, read: content.soFar };
      // It may be committed before it is known to be taken.
      place.marks.push(then);
      await handlers.batch(piece, moved);
      place.now = then;
      records += piece.records.length;
    }
    if (place.now.next >= span.to) open.delete(given.partition);
    if (open.size === 0) finish();
    return records;
  }

  async function batch(given: Batch, handlers: ConsumerHandlers, moved: AbortSignal): Promise<void> {
    const startMs = elapsedMs();
    const records = await take(given, handlers, moved);
    const next = at.get(given.partition)?.now.next ?? given.nextOffset;
    if (next > given.nextOffset) inner.seek?.({ topic: given.topic, partition: given.partition, offset: next });
    if (records === 0) return;
    onRead?.(records, 'now');
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
    commit: (commits) =>
      places.write(commits.map((commit) => ({ ...commit, read: readUntil(at.get(commit.partition), commit) }))),
    stop: () => inner.stop(),
    read: () => new Map([...at].map(([partition, { now }]) => [partition, now.read])),
  };
}

/** What was read when reading stood where the commit is. */
function readUntil(place: Place | undefined, { nextOffset }: Commit): ReadSoFar {
  if (place === undefined) return NOTHING_READ;
  const i = place.marks.findLastIndex(({ next }) => next <= nextOffset);
  place.marks = place.marks.slice(Math.max(i, 0));
  return place.marks[0]?.read ?? NOTHING_READ;
}

/** What of a batch comes next, or what is passed over next, whatever the batch; null when there is nothing of it left. */
export function nextPiece(batch: Batch, span: Span, next: bigint): Batch | null {
  if (next >= span.to) return null;
  const range = span.ranges.find(({ to }) => to > next);
  // What lies before the span was not in the log any more: the first batch says so.
  const passed = range?.from ?? span.to;
  if (next < passed && next >= span.from) {
    const { topic, partition } = batch;
    return { topic, partition, records: [], nextOffset: passed, endOffset: span.to, passedOver: true };
  }
  return cutBatch(batch, { from: next, to: range?.to ?? span.to }, span.to);
}

/** The part of a batch that lies in [from, to), or null when there is none. */
export function cutBatch(batch: Batch, { from, to }: OffsetRange, endOffset = to): Batch | null {
  const start = batch.startOffset ?? batch.records[0]?.offset ?? from;
  if (from >= to || batch.nextOffset <= from) return null;
  const within = (offset: bigint): bigint => (offset < from ? from : offset > to ? to : offset);
  return {
    ...batch,
    records: batch.records.filter(({ offset }) => offset >= from && offset < to),
    startOffset: within(start),
    nextOffset: within(batch.nextOffset),
    endOffset,
  };
}
