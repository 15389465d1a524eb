import { describe, expect, it } from 'vitest';

import { cutBatch, rangeConsumer, type Places } from '../../../services/replay/range-consumer.js';
import { parseRanges, type Span } from '../../../services/replay/ranges.js';
import { elapsedMs, sleep } from '../../../services/shared/clock.js';
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
  readonly sought: bigint[] = [];

  constructor(private readonly assigned: readonly Assigned[]) {}

  async start(handlers: ConsumerHandlers): Promise<void> {
    this.handlers = handlers;
    await handlers.assigned(this.assigned);
  }

  commit(): Promise<void> {
    return Promise.reject(new Error('a replay commits nothing to a group'));
  }

  seek({ offset }: { readonly offset: bigint }): void {
    this.sought.push(offset);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** A partition of which some ranges are read: by default all of it. */
function span(from: number, to: number, ranges = `${String(from)}-${String(to)}`): Span {
  return { from: BigInt(from), to: BigInt(to), ranges: parseRanges(ranges) };
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
      [0, span(0, 4)],
      [1, span(0, 2)],
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
    const spans = new Map([[0, span(0, 4)]]);
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

  /** Starts a consumer of one partition; gives what it handed on, as `from-to` of records or `..to` of what was passed over. */
  async function reading(group: Group, spans: ReadonlyMap<number, Span>, places: Places) {
    const pieces: string[] = [];
    const { signal } = new AbortController();
    const consumer = rangeConsumer(group, { spans, places, share: 1, signal });
    await consumer.start({
      moved: () => Promise.resolve(),
      assigned: () => Promise.resolve(),
      batch: ({ records, nextOffset, passedOver }) => {
        const first = passedOver === true ? '.' : String(records[0]?.offset);
        return Promise.resolve(void pieces.push(`${first}-${String(nextOffset)}`));
      },
      crashed: () => undefined,
    });
    const give = async (...batches: readonly Batch[]): Promise<void> => {
      for (const one of batches) await group.handlers?.batch(one, signal);
    };
    return { consumer, pieces, give };
  }

  it('passes over what lies between ranges, in one step, and goes on behind it', async () => {
    const group = new Group([assigned(0)]);
    const spans = new Map([[0, span(0, 100, '3-5,7-8,60-62')]]);
    const { consumer, pieces, give } = await reading(group, spans, NO_PLACES);
    await give(batch(0, 10), batch(10, 20), batch(60, 70));
    await consumer.done;
    expect(pieces).toEqual(['.-3', '3-5', '.-7', '7-8', '.-60', '60-62', '.-100']);
    // What was fetched before it was told to go on comes all the same.
    expect(group.sought).toEqual([3n, 60n, 60n, 100n]);
    expect(consumer.read().get(0)?.records).toBe(5);
  });

  it('reads nothing where nothing is needed', async () => {
    const { consumer, pieces } = await reading(new Group([assigned(0)]), new Map([[0, span(0, 9, '')]]), NO_PLACES);
    await consumer.done;
    expect(pieces).toEqual(['.-9']);
  });

  it('tells what was deleted since, of what it needs', async () => {
    const spans = new Map([[0, span(0, 100, '3-5,40-60')]]);
    const { pieces, give } = await reading(new Group([assigned(0, 50n)]), spans, NO_PLACES);
    await give(batch(50, 70));
    expect(pieces).toEqual(['.-3', 'undefined-5', '.-40', '50-60', '.-100']);
  });

  it('goes on where a run was cut off, with what it had read by then', async () => {
    const written: Parameters<Places['write']>[0][] = [];
    const spans = new Map([[0, span(0, 20)]]);
    const places: Places = { ...NO_PLACES, write: (commits) => Promise.resolve(void written.push(commits)) };
    const first = await reading(new Group([assigned(0)]), spans, places);
    await first.give(batch(0, 5), batch(5, 12));
    await first.consumer.commit([{ topic: 't', partition: 0, nextOffset: 5n, metadata: '' }]);
    await first.give(batch(12, 20));
    const [commit] = written[0] ?? [];
    const left = new Map(commit === undefined ? [] : [[0, commit] as const]);
    const group = new Group([assigned(0)]);
    const second = await reading(group, spans, { ...places, read: () => Promise.resolve(left) });
    await second.give(batch(0, 8), batch(8, 20));
    expect(group.sought).toEqual([5n]);
    expect(second.consumer.read()).toEqual(first.consumer.read());
  });

  it.each([
    [1, 0],
    [0.2, 4],
  ])('with a share of %d rests %d times as long as it works', async (share, times) => {
    const group = new Group([assigned(0)]);
    const { signal } = new AbortController();
    const consumer = rangeConsumer(group, { spans: new Map([[0, span(0, 9)]]), places: NO_PLACES, share, signal });
    let [workedMs, endedMs] = [0, 0];
    await consumer.start({
      moved: () => Promise.resolve(),
      assigned: () => Promise.resolve(),
      batch: async () => {
        const startMs = elapsedMs();
        await sleep(30);
        [workedMs, endedMs] = [elapsedMs() - startMs, elapsedMs()];
      },
      crashed: () => undefined,
    });
    await group.handlers?.batch(batch(0, 9), signal);
    // Timers may fire a millisecond early.
    expect(elapsedMs() - endedMs).toBeGreaterThanOrEqual(workedMs * times - 2);
  });
});
