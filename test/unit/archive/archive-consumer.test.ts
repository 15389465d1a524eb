import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { archiveConsumer } from '../../../services/archive/archive-consumer.js';
import type { Assigned, Batch, ConsumerHandlers, GroupConsumer } from '../../../services/shared/runtime/ports.js';
import { TestArchive } from './archive.fixture.js';
import { record } from './memory-topic.fixture.js';

/** A broker's group that gives what it is told to. */
class Broker implements GroupConsumer {
  handlers: ConsumerHandlers | null = null;
  readonly seeks: string[] = [];

  constructor(private readonly lows: readonly number[]) {}

  async start(handlers: ConsumerHandlers): Promise<void> {
    this.handlers = handlers;
    await handlers.moved();
    await handlers.assigned(this.assigned());
  }

  assigned(): Assigned[] {
    return this.lows.map((low, partition) => ({ topic: 't', partition, startOffset: BigInt(low), committed: null }));
  }

  async give(partition: number, from: number, to: number): Promise<void> {
    const records = Array.from({ length: to - from }, (_, i) => record(from + i));
    const offsets = { startOffset: BigInt(from), nextOffset: BigInt(to), endOffset: BigInt(to) };
    await this.handlers?.batch({ topic: 't', partition, records, ...offsets }, new AbortController().signal);
  }

  seek({ partition, offset }: { partition: number; offset: bigint }): void {
    this.seeks.push(`${String(partition)}: ${offset.toString()}`);
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** Whoever reads: what it was given, and where it stands. */
class Reader implements ConsumerHandlers {
  readonly offsets = new Map<number, bigint[]>();
  readonly starts: bigint[] = [];
  readonly batches: Batch[] = [];
  readonly errors: Error[] = [];
  onBatch: (batch: Batch) => Promise<void> = () => Promise.resolve();
  onAssigned: () => void = () => undefined;

  moved = (): Promise<void> => Promise.resolve();

  assigned = (partitions: readonly Assigned[]): Promise<void> => {
    this.starts.push(...partitions.map(({ startOffset }) => startOffset));
    this.onAssigned();
    return Promise.resolve();
  };

  batch = async (batch: Batch): Promise<void> => {
    await this.onBatch(batch);
    this.batches.push(batch);
    const before = this.offsets.get(batch.partition) ?? [];
    this.offsets.set(batch.partition, [...before, ...batch.records.map(({ offset }) => offset)]);
  };

  crashed = (error: Error): void => {
    this.errors.push(error);
  };
}

let archive: TestArchive;

beforeEach(async () => {
  archive = new TestArchive();
  archive.topics.append('t', 0, [0, 1, 2, 4, 5]);
  archive.topics.append('t', 1, [0, 1]);
  archive.topics.endAt('t', 1, 3);
  await archive.run();
});

afterEach(() => {
  archive.remove();
});

async function reading(
  lows: readonly number[],
  ends: readonly number[],
  prepare: (reader: Reader, consumer: GroupConsumer) => void = () => undefined,
) {
  const [broker, reader] = [new Broker(lows), new Reader()];
  const consumer = archiveConsumer(broker, {
    topic: 't',
    archive: await archive.reader(),
    spans: new Map(ends.map((to, partition) => [partition, { to: BigInt(to) }])),
    signal: new AbortController().signal,
  });
  prepare(reader, consumer);
  await consumer.start(reader);
  return { broker, reader, consumer };
}

describe('a consumer of an archive', () => {
  it('goes on with the broker where the archive ends, whatever the broker gives', async () => {
    const { broker, reader } = await reading([0, 0], [9, 4]);
    expect(broker.seeks).toEqual(['0: 6', '1: 3']);
    await broker.give(0, 0, 6);
    await broker.give(0, 4, 9);
    await broker.give(1, 3, 4);
    expect(reader.offsets.get(0)).toEqual([0n, 1n, 2n, 4n, 5n, 6n, 7n, 8n]);
    expect(reader.offsets.get(1)).toEqual([0n, 1n, 3n]);
    let next = 0n;
    for (const batch of reader.batches.filter(({ partition }) => partition === 0)) {
      expect(batch.startOffset).toBe(next);
      next = batch.nextOffset;
    }
    expect(next).toBe(9n);
  });

  it('begins where the archive does when the broker has less, and asks for nothing that it has', async () => {
    const { broker, reader } = await reading([6, 2], [8, 4]);
    expect(reader.starts).toEqual([0n, 0n]);
    expect(broker.seeks).toEqual(['1: 3']);
    await broker.give(0, 6, 8);
    expect(reader.offsets.get(0)).toEqual([0n, 1n, 2n, 4n, 5n, 6n, 7n]);
  });

  it('needs no broker for what the archive has alone', async () => {
    const { broker, reader, consumer } = await reading([], [6, 3, 0]);
    expect(reader.starts).toEqual([0n, 0n, 0n]);
    await expect.poll(() => reader.batches.at(-1)?.nextOffset).toBe(3n);
    expect(broker.handlers).toBeNull();
    expect(reader.offsets.get(0)).toEqual([0n, 1n, 2n, 4n, 5n]);
    await consumer.stop();
  });

  it('shows what neither has: between the two, and up to the end', async () => {
    const { broker, reader } = await reading([8, 9], [9, 5]);
    await broker.give(0, 8, 9);
    const [seam] = reader.batches.filter(({ partition, startOffset }) => partition === 0 && startOffset === 8n);
    expect(seam?.records.map(({ offset }) => offset)).toEqual([8n]);
    expect(reader.batches.filter(({ partition }) => partition === 1).at(-1)).toMatchObject({
      records: [],
      startOffset: 5n,
      nextOffset: 5n,
    });
  });

  it('goes where it is sent: before it begins, in the middle, and behind the archive', async () => {
    const { broker, reader } = await reading([0, 0], [9, 9], (one, consumer) => {
      one.onAssigned = () => {
        consumer.seek?.({ topic: 't', partition: 0, offset: 1n });
        consumer.seek?.({ topic: 't', partition: 1, offset: 7n });
      };
      one.onBatch = ({ partition, nextOffset }) => {
        if (partition === 0 && nextOffset === 5n) consumer.seek?.({ topic: 't', partition, offset: 6n });
        return Promise.resolve();
      };
    });
    await broker.give(0, 6, 7);
    expect(reader.offsets.get(0)).toEqual([1n, 2n, 4n, 6n]);
    expect(reader.offsets.get(1)).toBeUndefined();
    expect(broker.seeks).toEqual(['1: 7', '0: 6', '0: 6']);
  });

  it('begins again when the group has moved, and gives nothing meanwhile', async () => {
    let first = true;
    let entered = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      entered = resolve;
    });
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { broker, reader } = await reading([0, 0], [9, 4], (one) => {
      one.onBatch = async () => {
        if (!first) return;
        first = false;
        entered();
        await held;
        throw new Error('somebody else has it');
      };
    });
    await begun;
    const moved = broker.handlers?.moved();
    go();
    await moved;
    expect(reader.batches).toEqual([]);
    await broker.handlers?.assigned(broker.assigned());
    await broker.give(0, 6, 7);
    expect(reader.offsets.get(0)).toEqual([0n, 1n, 2n, 4n, 5n, 6n]);
    expect(reader.errors).toEqual([]);
  });

  it('says what went wrong, and gives nothing of what comes behind', async () => {
    const { reader, broker } = await reading([0, 0], [9, 4], (one) => {
      one.onBatch = () => Promise.reject(new Error('no room'));
    });
    await expect(broker.give(0, 6, 7)).rejects.toThrow();
    expect(reader.errors.map(({ message }) => message)).toEqual(['no room']);
    expect(reader.batches).toEqual([]);
  });
});
