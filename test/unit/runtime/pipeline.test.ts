import { describe, expect, it } from 'vitest';

import { sleep } from '../../../services/shared/clock.js';
import { Pipeline, type Portion } from '../../../services/shared/runtime/pipeline.js';

interface Numbered extends Portion {
  readonly name: string;
}
type Write = { readonly names: string; end(error?: Error): void };

/** A pipeline whose writes end when the test says so. */
function pipelineOf(records = 10, bytes = 1000) {
  const writes: Write[] = [];
  const failures: unknown[] = [];
  const signals: AbortSignal[] = [];
  const held: string[] = [];
  const pauses: string[] = [];
  const pipeline = new Pipeline<Numbered>({
    max: { records, bytes },
    pressure: {
      held: (gathered, writing) =>
        held.push(`${gathered.records}+${writing.records} ${gathered.bytes}+${writing.bytes}`),
      pause: () => {
        pauses.push('begins');
        return () => pauses.push('ends');
      },
    },
    onFailure: (error) => failures.push(error),
    write: (portions, signal) =>
      new Promise((resolve, reject) => {
        signals.push(signal);
        const names = portions.map(({ name }) => name).join('');
        writes.push({
          names,
          end: (error) => {
            if (error === undefined) resolve();
            else reject(error);
          },
        });
      }),
  });
  const add = (name: string, recordCount = 1, signal = new AbortController().signal, isLast = true): Promise<void> =>
    pipeline.add({ name, recordCount, byteCount: recordCount * 10, isLast }, signal);
  return { pipeline, add, writes, failures, signals, held, pauses };
}

const begun = (writes: readonly Write[], count: number): Promise<void> =>
  expect.poll(() => writes.length, { interval: 1 }).toBe(count);

describe('the pipeline', () => {
  it('writes at once what finds nothing under way, with what comes in the same turn', async () => {
    const { add, writes } = pipelineOf();
    await add('a');
    await add('b');
    await begun(writes, 1);
    expect(writes[0]?.names).toBe('ab');
  });

  it('waits for company far from the end of the log, until there is enough or somebody asks', async () => {
    const { pipeline, add, writes } = pipelineOf(10);
    const { signal } = new AbortController();
    await add('a', 1, signal, false);
    await add('b', 1, signal, false);
    await new Promise(setImmediate);
    expect(writes).toHaveLength(0);
    await add('c', 4, signal, false);
    await begun(writes, 1);
    writes[0]?.end();
    await add('d', 1, signal, false);
    const flushed = pipeline.flush();
    await begun(writes, 2);
    writes[1]?.end();
    await flushed;
    await add('e', 1, signal, false);
    await begun(writes, 3); // After a moment it is alone.
    expect(writes.map(({ names }) => names)).toEqual(['abc', 'd', 'e']);
  });

  it('gathers the next write while one is under way, and never overlaps two', async () => {
    const { pipeline, add, writes } = pipelineOf();
    await add('a');
    await begun(writes, 1);
    await add('b');
    await add('c');
    expect(writes).toHaveLength(1);
    writes[0]?.end();
    await begun(writes, 2);
    expect(writes[1]?.names).toBe('bc');
    writes[1]?.end();
    await pipeline.flush();
  });

  it('holds back who reads faster than it writes, until there is room', async () => {
    const { add, writes } = pipelineOf(10);
    await add('a', 6);
    await begun(writes, 1);
    await add('b', 6);
    let added = false;
    const third = add('c', 6).then(() => {
      added = true;
    });
    await new Promise(setImmediate);
    expect(added).toBe(false);
    writes[0]?.end();
    await third;
    expect(writes.map(({ names }) => names)).toEqual(['a', 'b']);
  });

  it('holds back by bytes as by records, and says what is held and that it waits', async () => {
    const { add, writes, held, pauses } = pipelineOf(1000, 100);
    await add('a', 6);
    await begun(writes, 1);
    await add('b', 6);
    expect(held.at(-1)).toBe('6+6 60+60');
    expect(pauses).toEqual([]);
    const third = add('c', 6);
    await new Promise(setImmediate);
    expect(pauses).toEqual(['begins']);
    expect(held.at(-1)).toBe('6+6 60+60');
    writes[0]?.end();
    await third;
    expect(pauses).toEqual(['begins', 'ends']);
    writes[1]?.end();
    await begun(writes, 3);
    writes[2]?.end();
    await expect.poll(() => held.at(-1), { interval: 1 }).toBe('0+0 0+0');
    expect(writes.map(({ names }) => names)).toEqual(['a', 'b', 'c']);
  });

  it('lets a slow database rest before the next small write, unless there is much or somebody asks', async () => {
    const SLOW_MS = 100;
    const { pipeline, add, writes } = pipelineOf(10);
    const slowly = async (count: number): Promise<void> => {
      await begun(writes, count);
      await sleep(SLOW_MS);
      writes[count - 1]?.end();
    };
    for (const [i, name] of ['x', 'y', 'z'].entries()) {
      await add(name);
      await slowly(i + 1);
    }
    await add('b');
    await sleep(SLOW_MS / 4);
    expect(writes).toHaveLength(3);
    await add('c', 5);
    await slowly(4);
    await add('d');
    const flushed = pipeline.flush();
    await slowly(5);
    await flushed;
    await add('e');
    await begun(writes, 6); // After a moment.
    expect(writes.map(({ names }) => names)).toEqual(['x', 'y', 'z', 'bc', 'd', 'e']);
  });

  it('takes a portion that is larger than it has room for, alone', async () => {
    const { add, writes } = pipelineOf(10);
    await add('a', 60);
    await begun(writes, 1);
    expect(writes[0]?.names).toBe('a');
  });

  it('gives up waiting for room when the partition has moved', async () => {
    const { add, writes } = pipelineOf(1);
    await add('a');
    await begun(writes, 1);
    await add('b');
    const moved = new AbortController();
    const third = add('c', 1, moved.signal);
    moved.abort(new Error('moved'));
    await expect(third).rejects.toThrow('moved');
  });

  it('says a failure once, and takes and writes nothing more', async () => {
    const { pipeline, add, writes, failures } = pipelineOf();
    await add('a');
    await begun(writes, 1);
    await add('b');
    writes[0]?.end(new Error('what?'));
    await expect(pipeline.flush()).rejects.toThrow('what?');
    await expect(add('c')).rejects.toThrow('what?');
    expect(failures).toHaveLength(1);
    expect(writes).toHaveLength(1);
  });

  it('forgets everything when the group has changed, and tells the write under way that nobody waits for it', async () => {
    const { pipeline, add, writes, signals } = pipelineOf();
    await add('a');
    await begun(writes, 1);
    await add('b');
    const discarded = pipeline.discard();
    expect(signals[0]?.aborted).toBe(true);
    writes[0]?.end(new Error('given up'));
    await discarded;
    await add('c');
    await begun(writes, 2);
    expect(writes[1]?.names).toBe('c');
    expect(signals[1]?.aborted).toBe(false);
  });
});
