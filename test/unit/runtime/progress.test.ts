import { expect, it } from 'vitest';

import { sleep } from '../../../services/shared/clock.js';
import { createMetrics } from '../../../services/shared/metrics.js';
import { Partitions, takenOver } from '../../../services/shared/runtime/partitions.js';
import { Progress } from '../../../services/shared/runtime/progress.js';
import type { Store } from '../../../services/shared/runtime/store.js';
import { MemoryStore } from './memory-store.fixture.js';

const WRITE_MS = 20;

/** One partition, and a database that takes its time. */
function progressOf() {
  const memory = new MemoryStore();
  const partitions = new Partitions();
  const assigned = { topic: 'in', partition: 0, startOffset: 0n, committed: null };
  partitions.take([takenOver(assigned, { left: undefined, releaseOffset: 0n })]);
  const writes = { begun: 0, fails: false };
  const insert: Store['insert'] = async (table, rows) => {
    writes.begun += 1;
    await sleep(WRITE_MS);
    if (writes.fails) throw new Error('broken to order');
    await memory.insert(table, rows);
  };
  const progress = new Progress('proof', {
    topics: { input: 'in', releases: 'releases' },
    store: Object.assign(Object.create(memory) as Store, { insert }),
    ends: { endOffsets: () => Promise.resolve(new Map([[0, 9n]])) },
    partitions,
    metrics: createMetrics('proof'),
    joinsReleases: false,
  });
  const settle = (offset: bigint): void => {
    for (const state of partitions.all) {
      state.nextOffset = offset;
      state.settled.settle({ offset, untilMs: Number(offset) });
      state.changed = true;
    }
  };
  const told = () => memory.rows('progress_rows').map((row) => row['next_offset']);
  return { progress, settle, told, writes };
}

it('progress is written at once, and what is said soon after that together', async () => {
  const { progress, settle, told, writes } = progressOf();
  settle(1n);
  await progress.soon();
  expect(told()).toEqual(['1']);
  settle(2n);
  const second = progress.soon();
  await sleep(WRITE_MS);
  expect(writes.begun).toBe(1);
  settle(3n);
  await Promise.all([second, progress.soon()]);
  expect([told(), writes.begun]).toEqual([['3'], 2]);
});

it('progress that could not be written is written by the next look', async () => {
  const { progress, settle, told, writes } = progressOf();
  await progress.start();
  settle(4n);
  writes.fails = true;
  await expect(progress.soon()).rejects.toThrow('broken to order');
  writes.fails = false;
  await progress.look();
  expect(told()).toEqual(['4']);
});
