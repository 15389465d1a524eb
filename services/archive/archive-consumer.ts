import type { SourceReading } from '../replay/source.js';
import { BacktrailError } from '../shared/errors.js';
import type { Assigned, Batch, ConsumerHandlers, GroupConsumer } from '../shared/runtime/ports.js';
import type { ArchiveReader, Piece } from './archive-reader.js';
import type { Archived } from './manifest.js';

export interface ArchiveConsumerOptions extends SourceReading {
  readonly archive: ArchiveReader;
}

/**
 * Reads a topic from its archive, and goes on with the broker where that ends:
 *
 *   the archive   |-- a a a a a a a --|
 *   the broker              b b b b b | b b b b b --|
 *   what is given   a a a a a a a a a   b b b b b
 *
 * The broker is asked only for what lies behind the archive, and not at all when that is nothing.
 */
export function archiveConsumer(broker: GroupConsumer, options: ArchiveConsumerOptions): GroupConsumer {
  const held = options.archive.held(options.topic);
  const needsBroker = [...options.spans].some(([partition, { to }]) => to > endOf(held, partition));
  const feed = new Feed(options, held);

  async function assigned(fromBroker: readonly Assigned[], handlers: ConsumerHandlers): Promise<void> {
    const found = new Map(fromBroker.map((one) => [one.partition, one]));
    // Also those without a record: whoever asks how far everything is waits for them, too.
    const partitions = [...new Set([...found.keys(), ...held.keys(), ...options.spans.keys()])].sort((a, b) => a - b);
    feed.begin();
    await handlers.assigned(partitions.map((partition) => assignedOf(partition, options.topic, { found, held })));
    for (const { topic, partition, startOffset } of fromBroker) {
      const end = endOf(held, partition);
      if (end > startOffset && feed.at(partition) < end) broker.seek?.({ topic, partition, offset: end });
    }
    feed.run(handlers, new Map(fromBroker.map(({ partition, startOffset }) => [partition, startOffset])));
  }

  return {
    async start(handlers) {
      if (!needsBroker) return assigned([], handlers);
      await broker.start({
        ...handlers,
        moved: async () => {
          await feed.stop();
          await handlers.moved();
        },
        assigned: (partitions) => assigned(partitions, handlers),
        batch: async (batch, moved) => {
          // The group waits: its member says that it lives meanwhile.
          await feed.done(moved);
          const rest = behind(batch, endOf(held, batch.partition));
          if (rest !== null) await handlers.batch(rest, moved);
        },
      });
    },
    commit: (commits) => broker.commit(commits),
    seek: (to) => {
      feed.seek(to.partition, to.offset);
      if (needsBroker && to.offset >= endOf(held, to.partition)) broker.seek?.(to);
    },
    async stop() {
      await feed.stop();
      if (needsBroker) await broker.stop();
    },
  };
}

/** Gives what the archive has, partition by partition. */
class Feed {
  readonly #at = new Map<number, bigint>();
  #running: Promise<void> = Promise.resolve();
  #moved = new AbortController();

  constructor(
    private readonly options: ArchiveConsumerOptions,
    private readonly held: ReadonlyMap<number, Archived>,
  ) {}

  begin(): void {
    this.#moved = new AbortController();
    this.#at.clear();
  }

  at(partition: number): bigint {
    return this.#at.get(partition) ?? 0n;
  }

  seek(partition: number, offset: bigint): void {
    this.#at.set(partition, offset);
  }

  /** @param lows where the broker's log begins */
  run(handlers: ConsumerHandlers, lows: ReadonlyMap<number, bigint>): void {
    const signal = AbortSignal.any([this.options.signal, this.#moved.signal]);
    this.#running = this.#all(handlers, { lows, signal }).catch((error: unknown) => {
      if (!signal.aborted) handlers.crashed(error instanceof Error ? error : new Error(String(error)));
      this.#moved.abort();
    });
  }

  /** Resolves when all that the archive has was given. Throws when it never will be: what comes behind may not go on alone. */
  async done(moved: AbortSignal): Promise<void> {
    const signal = this.#moved.signal;
    await this.#running;
    if (signal.aborted) throw new BacktrailError('KAFKA_GROUP_MOVED', 'the archive is not read to its end');
    moved.throwIfAborted();
  }

  async stop(): Promise<void> {
    this.#moved.abort();
    await this.#running;
  }

  async #all(
    handlers: ConsumerHandlers,
    { lows, signal }: { readonly lows: ReadonlyMap<number, bigint>; readonly signal: AbortSignal },
  ): Promise<void> {
    for (const [partition, { to }] of this.options.spans) {
      const held = this.held.get(partition);
      if (held === undefined) continue;
      for (const segment of held.segments) {
        if (BigInt(segment.from) >= to || BigInt(segment.to) <= this.at(partition)) continue;
        await this.#segment(segment, async (piece) => {
          signal.throwIfAborted();
          await handlers.batch(this.#batch(partition, to, piece), signal);
        });
      }
      // Between the end of the archive and that of the run there is nothing left, which no fetch would show.
      if (to > held.to && (lows.get(partition) ?? 0n) >= to) {
        const nothing = { records: [], startOffset: to, nextOffset: to };
        await handlers.batch(this.#batch(partition, to, nothing), signal);
      }
    }
  }

  async #segment(segment: Archived['segments'][number], give: (piece: Piece) => Promise<void>): Promise<void> {
    const { partition, to } = segment;
    for await (const piece of this.options.archive.pieces(segment)) {
      const at = this.at(partition);
      if (piece.nextOffset <= at) continue;
      const startOffset = piece.startOffset < at ? at : piece.startOffset;
      await give({ ...piece, records: piece.records.filter(({ offset }) => offset >= at), startOffset });
      // Whoever took it may want to go on further behind.
      if (this.at(partition) < piece.nextOffset) this.seek(partition, piece.nextOffset);
      if (this.at(partition) >= BigInt(to)) return;
    }
  }

  #batch(partition: number, endOffset: bigint, { records, startOffset, nextOffset }: Piece): Batch {
    return { topic: this.options.topic, partition, records, startOffset, nextOffset, endOffset };
  }
}

function endOf(held: ReadonlyMap<number, Archived>, partition: number): bigint {
  return held.get(partition)?.to ?? 0n;
}

interface Sources {
  readonly found: ReadonlyMap<number, Assigned>;
  readonly held: ReadonlyMap<number, Archived>;
}

function assignedOf(partition: number, topic: string, { found, held }: Sources): Assigned {
  const [one, archived] = [found.get(partition), held.get(partition)];
  const starts = [one?.startOffset, archived?.from].filter((start) => start !== undefined);
  const startOffset = starts.reduce((least, start) => (start < least ? start : least), starts[0] ?? 0n);
  return { topic, partition, startOffset, committed: null };
}

/** What of a batch the archive has not. */
function behind(batch: Batch, end: bigint): Batch | null {
  if (batch.nextOffset <= end) return null;
  const start = batch.startOffset ?? batch.records[0]?.offset ?? end;
  if (start >= end) return batch;
  return { ...batch, records: batch.records.filter(({ offset }) => offset >= end), startOffset: end };
}
