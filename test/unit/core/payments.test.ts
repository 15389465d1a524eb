import { describe, expect, it } from 'vitest';
import { endedBy, releasePayments } from '../../../services/shared/core/payments.js';
import type { Activation } from '../../../services/shared/core/timeline.js';
import { traffic, trailOf, type Line } from './story.js';

/** v1 until 10:00, v2 until 11:00, v1 until 12:00, then v2. */
const RELEASES = [
  traffic('09:00', { v1: 10_000 }),
  traffic('10:00', { v2: 10_000 }),
  traffic('11:00', { v1: 10_000 }),
  traffic('12:00', { v2: 10_000 }),
];
const INFERENCES = [
  { at: '09:30', inference_id: 'early', release: 'v2' },
  { at: '10:30', inference_id: 'one', release: 'v2' },
  { at: '11:30', inference_id: 'stale', release: 'v2' },
  { at: '12:30', inference_id: 'two', release: 'v2' },
  { at: '10:30', inference_id: 'other', release: 'v1' },
  { at: '10:30', inference_id: 'unsure', blob_id: 'B' },
  { at: '10:30', inference_id: 'foreign', model_id: 'n' },
];
const BLOBS = ['v1', 'v2', 'v3'].map((release) => ({ at: '08:00', action: 'PUBLISHED', release, blob_ids: ['B'] }));
/** With v2 and v3 in traffic at 10:30 nobody can tell which of the three served the shared file. */
const CANARY = traffic('10:00', { v2: 5000, v3: 5000 }, { arrives: '10:20' });

const pays = (at: string, ids: string[], more: Partial<Line> = {}): Line => ({
  at,
  amount: 60,
  allocations: ids.map((inference_id) => ({ inference_id })),
  ...more,
});

function ofRelease(payments: Line[], activation: number | null = null) {
  const trail = trailOf({ releases: [...RELEASES, ...BLOBS, CANARY], inferences: INFERENCES, payments });
  return releasePayments(trail, { modelId: 'm', release: 'v2', activation });
}

describe('payments settled while a release was active', () => {
  it.each<[string, Line, boolean]>([
    ['settled at its start, linked by an inference of the model', pays('10:00', ['other']), true],
    ['settled before its start', pays('09:59:59.999999', ['one']), false],
    ['settled at its end', pays('11:00', ['one']), false],
    ['linked by the model it names', pays('10:30', [], { model_id: 'm' }), true],
    ['linked to another model only', pays('10:30', ['foreign'], { model_id: 'n' }), false],
    ['linked by an inference although it names another model', pays('10:30', ['one'], { model_id: 'n' }), true],
    ['linked to an inference that nobody knows', pays('10:30', ['ghost']), false],
    ['only authorised then', pays('10:30', ['one'], { state: 'AUTHORISED' }), false],
  ])('%s: %s', (_name, payment, listed) => {
    expect(ofRelease([payment]).settledWhileActive).toEqual(listed ? ['p'] : []);
  });

  it('are asked by activation, or of all', () => {
    const payments = [pays('10:30', ['one'], { payment_id: 'p1' }), pays('12:30', ['one'], { payment_id: 'p2' })];
    expect(ofRelease(payments, 1).settledWhileActive).toEqual(['p1']);
    expect(ofRelease(payments, 2).settledWhileActive).toEqual(['p2']);
    expect(ofRelease(payments).settledWhileActive).toEqual(['p1', 'p2']);
    expect(ofRelease(payments, 3).settledWhileActive).toEqual([]);
  });
});

describe('payments settled for the work of a release', () => {
  it.each<[string, string[], number | null, boolean, bigint]>([
    ['pay for a request that it served', ['one'], 1, true, 60n],
    ['pay for a straggler of the activation', ['stale'], 1, true, 60n],
    ['do not pay for another activation', ['two'], 1, false, 0n],
    ['pay for any activation, when asked without', ['two', 'other'], null, true, 30n],
    ['pay for premature work, when asked without', ['early'], null, true, 60n],
    ['do not pay for premature work of an activation', ['early'], 1, false, 0n],
    ['do not pay for another release', ['other'], null, false, 0n],
  ])('%s', (_name, ids, activation, listed, amount) => {
    const found = ofRelease([pays('10:40', ids)], activation);
    expect(found.settledForWork).toEqual(listed ? ['p'] : []);
    expect(found.amount.work).toBe(amount);
  });

  it('are listed for a part of nothing', () => {
    const payment = pays('12:00', [], { amount: 0, allocations: [{ inference_id: 'one' }] });
    expect(ofRelease([payment], 1)).toMatchObject({ settledForWork: ['p'], late: ['p'], amount: { work: 0n } });
  });

  it('are late from the end of the activation of the work on', () => {
    expect(ofRelease([pays('10:59:59.999999', ['one'])], 1).late).toEqual([]);
    expect(ofRelease([pays('11:00', ['one'])], 1)).toMatchObject({ late: ['p'], amount: { work: 60n, late: 60n } });
    expect(ofRelease([pays('12:40', ['one', 'two'])])).toMatchObject({ late: ['p'], amount: { work: 60n, late: 30n } });
    expect(ofRelease([pays('12:40', ['early'])]).late).toEqual([]);
  });

  it('stay listed when they are refunded, and count for nothing', () => {
    const refund = pays('12:30', [], { state: 'REFUNDED' });
    expect(ofRelease([pays('11:00', ['one', 'unsure']), refund], 1)).toMatchObject({
      settledForWork: ['p'],
      late: ['p'],
      amount: { work: 0n, possible: 0n, late: 0n },
    });
  });

  it('are not listed when they are reversed', () => {
    expect(ofRelease([pays('10:40', ['one']), pays('12:30', [], { state: 'REVERSED' })], 1).settledForWork).toEqual([]);
  });
});

describe('possible payments', () => {
  it('pay for a request of which the release is a candidate, also for nothing', () => {
    expect(ofRelease([pays('12:40', ['unsure'])], 1)).toMatchObject({
      possible: ['p'],
      late: [],
      amount: { possible: 60n, late: 0n },
    });
    expect(ofRelease([pays('12:40', ['unsure'], { amount: 0 })], 1).possible).toEqual(['p']);
    expect(ofRelease([pays('12:40', ['unsure'])], 2).possible).toEqual([]);
  });

  it('are not those that are certain, but their possible parts are in the sum', () => {
    expect(ofRelease([pays('12:40', ['unsure', 'one'])], 1)).toMatchObject({
      settledForWork: ['p'],
      possible: [],
      amount: { work: 30n, possible: 30n },
    });
  });
});

describe('an activation has ended', () => {
  const activation: Activation = { release: 'v', number: 1, from: 1, to: 5, undoneBy: null, restored: null };

  it('at its end and after, never while it is open', () => {
    expect([4, 5, 6].map((at) => endedBy(activation, at))).toEqual([false, true, true]);
    expect(endedBy({ ...activation, to: null }, 99)).toBe(false);
    expect(endedBy(null, 99)).toBe(false);
  });
});
