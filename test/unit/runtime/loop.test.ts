import { describe, expect, it } from 'vitest';

import { BacktrailError } from '../../../services/shared/errors.js';
import { MemoryNetwork, START_MS } from './network.fixture.js';
import { inferenceRecord, minute, paymentRecord, traffic } from './records.fixture.js';

const V1 = { v1: 10_000 };
const V2 = { v2: 10_000 };

function releasesOf(network: MemoryNetwork): Record<string, unknown> {
  return Object.fromEntries<unknown>(
    network.store.rows('inference_rows').map((row) => [String(row['inference_id']), row['release']] as const),
  );
}

function outage(): never {
  throw new BacktrailError('CLICKHOUSE_UNREACHABLE', 'away');
}

describe('a batch', () => {
  it('becomes facts, rows and a commit, joined with every release record that was there before', async () => {
    const network = new MemoryNetwork();
    network.append('releases', traffic('r1', minute(0), V1));
    for (const id of ['i0', 'i1', 'i2', 'i3']) network.append('inferences', inferenceRecord(id));
    const running = await network.start('inferences');
    await running.drain();

    expect(releasesOf(network)).toEqual({ i0: 'v1', i1: 'v1', i2: 'v1', i3: 'v1' });
    expect(network.log.committed.get('inference inferences 0')).toEqual({ nextOffset: 2n, metadata: '1' });
    expect(running.failures).toEqual([]);
  });

  it('sets what can never be processed aside, untouched, and goes on with the next record', async () => {
    const network = new MemoryNetwork(1);
    network.log.append('inferences', 0, { key: 'k', value: Buffer.from([0xff, 0x00]), appendedAtMs: START_MS });
    network.append('inferences', inferenceRecord('far', { occurred_at: minute(3 * 24 * 60) }));
    network.append('inferences', inferenceRecord('i'));
    await (await network.start('inferences')).drain();

    const letters = network.store.rows('dead_letter_rows');
    expect(letters.map((row) => [row['offset'], row['code']])).toEqual([
      ['0', 'UNDECODABLE'],
      ['1', 'INVALID_TIME'],
    ]);
    expect(letters[0]?.['value_base64']).toBe(Buffer.from([0xff, 0x00]).toString('base64'));
    expect(network.log.partitionsOf('inferences.dlq')[0]?.records.map((record) => record.value)).toEqual([
      Buffer.from([0xff, 0x00]),
      network.log.partitionsOf('inferences')[0]?.records[1]?.value,
    ]);
    expect(Object.keys(releasesOf(network))).toEqual(['i']);
  });

  it('stops the service at a run of dead letters, and commits none of the batch', async () => {
    const network = new MemoryNetwork(1);
    for (let i = 0; i < 6; i += 1) {
      network.log.append('inferences', 0, { key: null, value: Buffer.from('x'), appendedAtMs: START_MS });
    }
    const running = await network.start('inferences', 4);
    await expect(running.drain()).rejects.toMatchObject({ code: 'DEAD_LETTER_RUN' });
    expect(running.failures).toHaveLength(1);
    await running.instance.stop();
    expect(network.log.committed.get('inference inferences 0')?.nextOffset).toBe(4n);
  });

  it('declares offsets that hold no record as gaps, so that every offset is accounted for', async () => {
    const network = new MemoryNetwork(1);
    const append = (id: string, hole: number): void => {
      const value = Buffer.from(JSON.stringify(inferenceRecord(id)));
      network.log.append('inferences', 0, { key: id, value, appendedAtMs: START_MS, hole });
    };
    append('old', 0);
    append('a', 0);
    append('b', 2);
    append('c', 1);
    network.log.expire('inferences', 0, 1n);
    await (await network.start('inferences')).drain();

    const gaps = network.store.rows('gap_rows').map((row) => [row['from_offset'], row['to_offset'], row['reason']]);
    expect(gaps).toEqual([
      ['0', '1', 'BEFORE_RETENTION'],
      ['2', '4', 'NO_RECORD'],
      ['5', '6', 'NO_RECORD'],
    ]);
  });

  it('waits for a schema that is not known yet, and loses nothing', async () => {
    const network = new MemoryNetwork(1);
    network.log.append('inferences', 0, { key: 'i', value: Buffer.from('wait'), appendedAtMs: START_MS });
    const running = await network.start('inferences');
    const draining = running.drain();
    // The registry comes to know it.
    const record = network.log.partitionsOf('inferences')[0]?.records[0];
    await expect.poll(() => record).toBeDefined();
    Object.assign(record as object, { value: Buffer.from(JSON.stringify(inferenceRecord('i'))) });
    await draining;
    expect(Object.keys(releasesOf(network))).toEqual(['i']);
    expect(network.store.rows('dead_letter_rows')).toEqual([]);
  });
});

/** Each dependency breaks in two ways: it failed, and it failed after it had saved. */
describe('a failure', () => {
  const times = ['before', 'after'] as const;

  it.each(times)('of the insert, %s it saved, is waited out and leaves each record once', async (when) => {
    const network = new MemoryNetwork(1);
    network.append('releases', traffic('r1', minute(0), V1));
    for (const id of ['i0', 'i1']) network.append('inferences', inferenceRecord(id));
    let left = 3;
    network.store.onInsert = (to, at) => {
      if (to === 'inference_rows' && at === when && left-- > 0) outage();
    };
    await (await network.start('inferences')).drain();
    expect(network.store.allFacts('inferences').map(({ record }) => record.inference_id)).toEqual(['i0', 'i1']);
    expect(releasesOf(network)).toEqual({ i0: 'v1', i1: 'v1' });
  });

  it.each(times)('of the commit, %s it saved, leaves each fact once', async (when) => {
    const network = new MemoryNetwork(1);
    network.append('inferences', inferenceRecord('i0'));
    let left = 2;
    network.log.onCommit = (at) => {
      if (at === when && left-- > 0) throw new BacktrailError('KAFKA_UNREACHABLE', 'away');
    };
    await (await network.start('inferences')).drain();
    expect(network.log.committed.get('inference inferences 0')?.nextOffset).toBe(1n);
    expect(network.store.allFacts('inferences')).toHaveLength(1);
    expect(network.store.rows('inference_rows')).toHaveLength(1);
  });

  it('nobody foresaw stops the service without a commit', async () => {
    const network = new MemoryNetwork(1);
    network.append('inferences', inferenceRecord('i0'));
    const running = await network.start('inferences');
    network.store.onInsert = () => {
      throw new RangeError('what?');
    };
    await expect(running.drain()).rejects.toThrow('what?');
    expect(running.failures).toHaveLength(1);
    expect(network.log.committed.size).toBe(0);
  });

  it('between write and commit leaves the batch to the next owner, and each fact is there once', async () => {
    const network = new MemoryNetwork(1);
    network.append('releases', traffic('r1', minute(0), V1));
    for (const id of ['i0', 'i1']) network.append('inferences', inferenceRecord(id));
    const first = await network.start('inferences');
    network.log.onCommit = () => {
      throw new BacktrailError('KAFKA_GROUP_MOVED', 'another generation');
    };
    await expect(first.drain()).rejects.toMatchObject({ code: 'KAFKA_GROUP_MOVED' });
    first.crash();
    network.log.onCommit = () => undefined;
    const second = await network.start('inferences');
    await second.drain();
    expect(network.store.allFacts('inferences')).toHaveLength(2);
    expect(releasesOf(network)).toEqual({ i0: 'v1', i1: 'v1' });
    expect(second.failures).toEqual([]);
  });
});

describe('a sweep', () => {
  it('makes rows right that were written before a release record was known, and keeps what was said', async () => {
    const network = new MemoryNetwork(2);
    network.append('releases', traffic('r1', minute(0), V1), { appendedAtMs: START_MS });
    for (const id of ['i0', 'i1', 'i2', 'i3', 'i4']) {
      network.append('inferences', inferenceRecord(id, { occurred_at: minute(5) }), { appendedAtMs: START_MS + 1 });
    }
    const running = await network.start('inferences');
    await running.drain();
    network.append('releases', traffic('r2', minute(3), V2), { appendedAtMs: START_MS + 9 });
    await running.drain();

    expect(new Set(Object.values(releasesOf(network)))).toEqual(new Set(['v2']));
    const [row] = network.store.rows('inference_rows');
    expect(row).toMatchObject({ known_at: START_MS + 9, earlier: [{ known_at: START_MS + 1, release: 'v1' }] });
    expect(network.log.committed.get('inference inferences 1')?.metadata).toBe('2');
  });

  it('that a crash cut short is done by the next owner, from the commit it finds', async () => {
    const network = new MemoryNetwork(1);
    network.append('releases', traffic('r1', minute(0), V1));
    network.append('inferences', inferenceRecord('i0', { occurred_at: minute(5) }));
    const first = await network.start('inferences');
    await first.drain();
    first.crash();
    network.append('releases', traffic('r2', minute(3), V2), { appendedAtMs: START_MS + 9 });
    const second = await network.start('inferences');
    await second.drain();
    expect(releasesOf(network)).toEqual({ i0: 'v2' });
  });

  it('leaves rows alone that know the release record already', async () => {
    const network = new MemoryNetwork(1);
    network.append('releases', traffic('r1', minute(0), V1));
    network.append('inferences', inferenceRecord('i0', { occurred_at: minute(5) }));
    const running = await network.start('inferences');
    await running.drain();
    network.append('releases', traffic('r2', minute(3), V2), { appendedAtMs: START_MS + 9 });
    network.append('inferences', inferenceRecord('i1', { occurred_at: minute(5) }), { appendedAtMs: START_MS + 10 });
    await running.releases.drain();
    await running.consumer.drain();
    await running.instance.settled();
    const written = (network.store.inserted.get('inference_rows') ?? []).map((row) => row['inference_id']);
    expect(written.filter((id) => id === 'i1')).toHaveLength(1);
    expect(releasesOf(network)).toEqual({ i0: 'v2', i1: 'v2' });
  });

  it('waits for rows on their way that know less than it does', async () => {
    const network = new MemoryNetwork(1);
    network.append('releases', traffic('r1', minute(0), V1));
    network.append('inferences', inferenceRecord('i0', { occurred_at: minute(5) }));
    const running = await network.start('inferences');
    let left = 5;
    network.store.onInsert = (table, at) => {
      if (table === 'inference_rows' && at === 'before' && left-- > 0) outage();
    };
    // Read, and not yet written, when the release record becomes known.
    await running.consumer.drain();
    network.append('releases', traffic('r2', minute(3), V2), { appendedAtMs: START_MS + 9 });
    await running.drain();
    expect(releasesOf(network)).toEqual({ i0: 'v2' });
  });
});

describe('a payment', () => {
  it('that comes before its inferences waits, visibly', async () => {
    const network = new MemoryNetwork(1);
    network.append('payments', paymentRecord('p', { allocations: [{ inference_id: 'i0', amount: null }] }));
    network.append('payments', paymentRecord('s', { session_id: 'session' }));
    const payments = await network.start('payments');
    await payments.drain();
    const rows = (): unknown[] =>
      network.store
        .rows('payment_rows')
        .map((row) => [row['payment_id'], row['waiting'], row['parts'], row['unlinked']]);
    expect(rows()).toEqual([
      ['p', ['i0'], [{ inference_id: 'i0', model_id: null, occurred_at: null, amount: '100' }], '0'],
      ['s', [], [], '100'],
    ]);
  });
});
