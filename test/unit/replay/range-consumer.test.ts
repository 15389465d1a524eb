import { describe, expect, it } from 'vitest';

import { cutBatch, rangeConsumer } from '../../../services/replay/range-consumer.js';
import { NO_PLACES } from '../../../services/replay/places.js';
import type { Assigned, Batch, ConsumerHandlers, GroupConsumer } from '../../../services/shared/runtime/ports.js';

function batch(from: number, to: number, partition = 0): Batch {
  const records = Array.from({ length: to - from }, (_, i) => {
    return { offset: BigInt(from + i), appendedAtMs: from + i, key: null, value: null, headers: [] };
  });
  return { topic: 't', partition, records, startOffset: BigInt(from), nextOffset: BigInt(to), endOffset: 100n };
}

describe('a batch of which a run reads a part', () => {
  it.each([
    ['within the range', { from: 0n, to: 20n }, [5, 10]],
    ['beyond the end', { from: 0n, to: 8n }, [5, 8]],
    ['read before, in part', { from: 7n, to: 20n }, [7, 10]],
  ] as const)('%s', (_, range, [first, next]) => {
    const cut = cutBatch(batch(5, 10), range);
    expect(cut?.records.map(({ offset }) => Number(offset))).toEqual(
      Array.from({ length: next - first }, (_one, i) => first + i),
    );
    expect(cut).toMatchObject({ startOffset: BigInt(first), nextOffset: BigInt(next), endOffset: range.to });
  });

  it('is none when all of it was read, or nothing is left to read', () => {
    expect(cutBatch(batch(5, 10), { from: 10n, to: 20n })).toBeNull();
    expect(cutBatch(batch(5, 10), { from: 5n, to: 5n })).toBeNull();
  });

  it('ends the range where the log begins behind it', () => {
    const cut = cutBatch(batch(30, 40), { from: 0n, to: 20n });
    expect(cut).toMatchObject({ records: [], startOffset: 20n, nextOffset: 20n, endOffset: 20n });
  });
});

/** A group that gives what it is told to, and was never asked to commit. */
class Group implements GroupConsumer {
  handlers: ConsumerHandlers | null = null;

  constructor(private readonly assigned: readonly Assigned[]) {}

  async start(handlers: ConsumerHandlers): Promise<void> {
    this.handlers = handlers;
    await handlers.assigned(this.assigned);
  }

  commit(): Promise<void> {
    return Promise.reject(new Error('a replay commits nothing to a group'));
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

function assigned(partition: number, startOffset = 0n): Assigned {
  return { topic: 't', partition, startOffset, committed: { nextOffset: 99n, metadata: 'of somebody else' } };
}

describe('a consumer of ranges', () => {
  it('asks the run where it was, not the group, and is done when every range is read', async () => {
    const group = new Group([assigned(0), assigned(1)]);
    const seen: Batch[] = [];
    const taken: Assigned[] = [];
    const { signal } = new AbortController();
    const spans = new Map([
      [0, { from: 0n, to: 4n }],
      [1, { from: 0n, to: 2n }],
    ]);
    const consumer = rangeConsumer(group, { spans, places: NO_PLACES, share: 1, signal });
    let isDone = false;
    void consumer.done.then(() => (isDone = true));
    await consumer.start({
      moved: () => Promise.resolve(),
      assigned: (all) => Promise.resolve(void taken.push(...all)),
      batch: (one) => Promise.resolve(void seen.push(one)),
      crashed: () => undefined,
    });
    expect(taken.map(({ committed }) => committed)).toEqual([null, null]);
    await group.handlers?.batch(batch(0, 9, 0), signal);
    await Promise.resolve();
    expect(isDone).toBe(false);
    await group.handlers?.batch(batch(0, 2, 1), signal);
    await consumer.done;
    await consumer.commit([{ topic: 't', partition: 0, nextOffset: 4n, metadata: '1' }]);
    expect(seen.map(({ nextOffset }) => nextOffset)).toEqual([4n, 2n]);
  });

  it('names a range that the log has not got any more as one batch without records', async () => {
    const group = new Group([assigned(0, 50n)]);
    const seen: Batch[] = [];
    const { signal } = new AbortController();
    const spans = new Map([[0, { from: 0n, to: 4n }]]);
    const consumer = rangeConsumer(group, { spans, places: NO_PLACES, share: 1, signal });
    await consumer.start({
      moved: () => Promise.resolve(),
      assigned: () => Promise.resolve(),
      batch: (one) => Promise.resolve(void seen.push(one)),
      crashed: () => undefined,
    });
    await consumer.done;
    expect(seen).toMatchObject([{ records: [], startOffset: 4n, nextOffset: 4n }]);
  });
});
