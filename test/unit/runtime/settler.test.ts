import { describe, expect, it } from 'vitest';

import { NOTHING_SETTLED, ReachedEnd, Settled } from '../../../services/shared/runtime/settled.js';
import { MemoryNetwork, START_MS } from './network.fixture.js';
import { inferenceRecord } from './records.fixture.js';

type Row = Readonly<Record<string, unknown>>;

function findings(network: MemoryNetwork): Record<string, string> {
  return Object.fromEntries(
    network.store
      .rows('copy_rows')
      .map((row) => [`${String(row['partition'])}/${String(row['offset'])}`, String(row['finding'])]),
  );
}

function progressOf(network: MemoryNetwork, partition: number): Row | undefined {
  return network.store.rows('progress_rows').find((row) => row['partition'] === partition);
}

describe('the end of a log', () => {
  it('is reached up to when it was asked for, less what clocks may differ', () => {
    const end = new ReachedEnd();
    end.asked({ end: 5n, atMs: 10_000 }, 3n);
    expect(end.untilMs).toBe(0);
    end.reached(5n);
    expect(end.untilMs).toBe(9_000);
  });

  it('is reached in a busy log, too: the question that is open goes first', () => {
    const end = new ReachedEnd();
    end.asked({ end: 5n, atMs: 10_000 }, 3n);
    end.asked({ end: 9n, atMs: 11_000 }, 4n);
    end.asked({ end: 12n, atMs: 12_000 }, 6n);
    expect(end.untilMs).toBe(9_000);
    end.reached(12n);
    expect(end.untilMs).toBe(11_000);
  });
});

describe('a partition', () => {
  const taken = (): Settled => new Settled({ ...NOTHING_SETTLED, completeUntilMs: 100 }, 0n);

  it('that is behind is complete to just below the time it is at, and never goes back', () => {
    const settled = taken();
    settled.complete({ sweptTo: null, linkedUntilMs: null });
    expect(settled.completeUntilMs).toBe(100);
    settled.settle({ offset: 2n, untilMs: 5_000 });
    settled.complete({ sweptTo: null, linkedUntilMs: null });
    expect(settled.completeUntilMs).toBe(4_999);
    settled.settle({ offset: 1n, untilMs: 3_000 });
    settled.complete({ sweptTo: null, linkedUntilMs: null });
    expect([settled.offset, settled.completeUntilMs]).toEqual([2n, 4_999]);
  });

  it('at its end is complete to when the end was asked for', () => {
    const settled = taken();
    settled.sawEnd({ end: 0n, atMs: 8_000 });
    settled.complete({ sweptTo: null, linkedUntilMs: null });
    expect([settled.completeUntilMs, settled.idleAtMs]).toEqual([7_000, 8_000]);
  });

  it('is complete only as far as releases and links are', () => {
    const settled = taken();
    settled.sawEnd({ end: 0n, atMs: 8_000 });
    settled.sawReleases({ end: 3n, atMs: 8_000 }, 2n);
    settled.complete({ sweptTo: 2n, linkedUntilMs: null });
    expect(settled.completeUntilMs).toBe(100);
    settled.complete({ sweptTo: 3n, linkedUntilMs: 6_000 });
    expect(settled.completeUntilMs).toBe(6_000);
    settled.complete({ sweptTo: 3n, linkedUntilMs: null });
    expect(settled.completeUntilMs).toBe(7_000);
  });
});

describe('settling', () => {
  const copyOf = (id: string, more: object = {}) => ({ ...inferenceRecord(id), ...more });

  it('tells copies apart in whatever partitions they are, whoever comes first', async () => {
    const network = new MemoryNetwork(2);
    network.append('inferences', copyOf('a'), { partition: 0, appendedAtMs: START_MS + 5 });
    const running = await network.start('inferences');
    await running.drain();
    expect(findings(network)).toEqual({});
    network.append('inferences', copyOf('a'), { partition: 1, appendedAtMs: START_MS + 1 });
    await running.drain();
    expect(findings(network)).toEqual({ '0/0': 'DUPLICATE', '1/0': '' });
    expect(running.failures).toEqual([]);
  });

  it('goes on where progress says, after a crash between the commit and the look', async () => {
    const network = new MemoryNetwork(1);
    network.append('inferences', copyOf('a'), { appendedAtMs: START_MS });
    network.append('inferences', copyOf('a', { source: 'other' }), { appendedAtMs: START_MS + 7 });
    const crashing = await network.start('inferences');
    await crashing.consumer.drain();
    await expect.poll(() => network.log.committed.get('inference inferences 0')?.nextOffset).toBe(2n);
    crashing.crash();
    expect(findings(network)).toEqual({});
    expect(progressOf(network, 0)?.['next_offset']).toBe('0');

    const next = await network.start('inferences');
    await next.drain();
    expect(findings(network)).toEqual({ '0/0': '', '0/1': 'EVENT_ID_CONFLICT' });
    expect(progressOf(network, 0)).toMatchObject({ next_offset: '2', applied_until: START_MS + 7 });
  });

  it('announces partitions that nobody has taken, without taking anything back', async () => {
    const network = new MemoryNetwork(3);
    network.append('inferences', copyOf('a'), { partition: 1 });
    await (await network.start('inferences')).drain();
    await network.start('inferences');
    expect([0, 1, 2].map((partition) => progressOf(network, partition)?.['next_offset'] ?? '0')).toEqual([
      '0',
      '1',
      '0',
    ]);
  });
});
