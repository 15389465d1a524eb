import { describe, expect, it } from 'vitest';
import { linksOf, paymentOf, splitPayment, type PaymentSplit } from '../../../services/shared/core/payment.js';
import { facts, micros, ms, trailOf, type Line } from './story.js';

const record = (at: string, state: string, more: Partial<Line> = {}): Line => ({ at, state, ...more });
const payment = (...lines: Line[]) => paymentOf(facts('payments', lines));
const names = (...ids: string[]) => ids.map((inference_id) => ({ inference_id }));

describe('a payment', () => {
  it('has the state of its latest record by event time, then append', () => {
    expect(payment(record('10:00', 'SETTLED'), record('09:00', 'AUTHORISED', { arrives: '11:00' })).state).toBe(
      'SETTLED',
    );
    expect(payment(record('10:00', 'SETTLED'), record('10:00', 'REFUNDED')).state).toBe('REFUNDED');
  });

  it('has the amount of its earliest SETTLED', () => {
    const settled = payment(
      record('10:00', 'SETTLED', { amount: 8 }),
      record('09:00', 'SETTLED', { amount: 7, arrives: '11:00' }),
      record('12:00', 'REFUNDED', { amount: 9 }),
    );
    expect(settled.amount).toBe(7n);
    expect(settled.settledAt).toBe(micros('09:00'));
  });

  it('has the amount of its latest record while none is SETTLED', () => {
    expect(payment(record('10:00', 'AUTHORISED', { amount: 8 }), record('11:00', 'FAILED', { amount: 9 })).amount).toBe(
      9n,
    );
  });

  it('takes links, session and model from the record of its amount, each from the latest that has some if that has none', () => {
    const own = { allocations: names('a'), session_id: 's1', model_id: 'm1' };
    const later = { allocations: names('b'), session_id: 's2', model_id: 'm2' };
    const latest = { allocations: names('c'), session_id: 's3' };
    const withOwn = payment(record('10:00', 'SETTLED', own), record('11:00', 'REFUNDED', later));
    expect(withOwn).toMatchObject({ allocations: [{ inferenceId: 'a' }], sessionId: 's1', modelId: 'm1' });
    const without = payment(
      record('10:00', 'SETTLED'),
      record('09:00', 'AUTHORISED', own),
      record('11:00', 'REFUNDED', later),
      record('12:00', 'REFUNDED', latest),
    );
    expect(without).toMatchObject({ allocations: [{ inferenceId: 'c' }], sessionId: 's3', modelId: 'm2' });
  });

  it.each<[string, Line[], boolean]>([
    ['is settled once a SETTLED is known', [record('10:00', 'SETTLED')], true],
    [
      'is settled although its latest record says otherwise',
      [record('10:00', 'SETTLED'), record('11:00', 'FAILED')],
      true,
    ],
    ['is settled although it was refunded', [record('10:00', 'SETTLED'), record('11:00', 'REFUNDED')], true],
    ['is not settled when it was reversed', [record('10:00', 'SETTLED'), record('11:00', 'REVERSED')], false],
    ['is not settled when it was reversed before', [record('10:00', 'SETTLED'), record('09:00', 'REVERSED')], false],
    ['is not settled without a SETTLED', [record('10:00', 'AUTHORISED')], false],
  ])('%s', (_name, lines, settled) => {
    expect(payment(...lines).settledAt !== null).toBe(settled);
    expect(payment(...lines).settledAppendedAtMs !== null).toBe(settled);
  });

  it('was appended as settled when its first SETTLED in the log was', () => {
    const twice = payment(
      record('10:00', 'SETTLED', { arrives: '11:00' }),
      record('09:00', 'SETTLED', { arrives: '12:00' }),
    );
    expect(twice.settledAppendedAtMs).toBe(ms('11:00'));
    expect(twice.settledAt).toBe(micros('09:00'));
  });

  it('is refunded once any record says so, whenever', () => {
    expect(payment(record('10:00', 'REFUNDED'), record('11:00', 'SETTLED')).refunded).toBe(true);
    expect(payment(record('11:00', 'SETTLED')).refunded).toBe(false);
  });

  it('links an inference that is named twice once, with the amounts added', () => {
    const allocations = [
      { inference_id: 'b', amount: 4 },
      { inference_id: 'a' },
      { inference_id: 'b' },
      { inference_id: 'b', amount: 5 },
      { inference_id: 'a' },
    ];
    expect(payment(record('10:00', 'SETTLED', { allocations })).allocations).toEqual([
      { inferenceId: 'a', amount: null },
      { inferenceId: 'b', amount: 9n },
    ]);
  });
});

describe('the links of a payment', () => {
  const inferences = [
    { at: '10:00', inference_id: 's2', session_id: 'S' },
    { at: '10:00', inference_id: 's1', session_id: 'S', model_id: 'another' },
    { at: '10:00', inference_id: 'a' },
  ];
  const linked = (more: Partial<Line>) =>
    linksOf(payment(record('10:00', 'SETTLED', more)), trailOf({ inferences })).map((link) => link.inferenceId);

  it('are its allocations, known or not', () => {
    expect(linked({ allocations: names('ghost', 'a'), session_id: 'S' })).toEqual(['a', 'ghost']);
  });

  it('are all inferences of its session, of every model, when it has no allocations', () => {
    expect(linked({ session_id: 'S' })).toEqual(['s1', 's2']);
    expect(linked({ session_id: 'T' })).toEqual([]);
  });

  it('are none without allocations and session', () => {
    expect(linked({})).toEqual([]);
  });
});

describe('the parts of a payment', () => {
  const inferences = [
    { at: '10:00', inference_id: 'a', cost: '1' },
    { at: '10:00', inference_id: 'b', cost: '3' },
    { at: '10:00', inference_id: 'c', cost: '0' },
    { at: '10:00', inference_id: 'd', cost: '0' },
    { at: '10:00', inference_id: 'free' },
  ];
  const given = (parts: Record<string, number | null>) =>
    Object.entries(parts).map(([inference_id, amount]) => ({ inference_id, amount }));

  it.each<[string, number, Record<string, number | null>, Record<string, number>, number, string[]]>([
    ['are as given', 10, { a: 3, b: 4 }, { a: 3, b: 4 }, 3, []],
    ['share what is left by cost', 10, { a: null, b: null, free: 2 }, { a: 2, b: 6, free: 2 }, 0, []],
    ['are nothing by a cost of 0 beside another', 4, { a: null, c: null }, { a: 4, c: 0 }, 0, []],
    ['are equal when all costs are 0', 3, { c: null, d: null }, { c: 2, d: 1 }, 0, []],
    ['are equal when one has no cost', 4, { b: null, free: null }, { b: 2, free: 2 }, 0, []],
    ['are equal when one is not known', 4, { b: null, ghost: null }, { b: 2, ghost: 2 }, 0, []],
    ['are 0 where nothing is left', 4, { a: 4, b: null }, { a: 4, b: 0 }, 0, []],
    [
      'use amounts beyond the amount as weights',
      10,
      { a: 6, b: 9, free: null },
      { a: 4, b: 6, free: 0 },
      0,
      ['OVER_ALLOCATED'],
    ],
    [
      'give no unit that is left to a link without an amount',
      5,
      { b: 3, d: 3, a: null },
      { a: 0, b: 3, d: 2 },
      0,
      ['OVER_ALLOCATED'],
    ],
    ['are 0 of nothing', 0, { a: 1, b: 1 }, { a: 0, b: 0 }, 0, ['OVER_ALLOCATED']],
    ['are not over-allocated when exactly all is given', 5, { a: 5, b: 0 }, { a: 5, b: 0 }, 0, []],
    ['leave everything unlinked without links', 5, {}, {}, 5, []],
  ])('%s', (_name, amount, allocations, parts, unlinked, findings) => {
    const split: PaymentSplit = splitPayment(
      payment(record('10:00', 'SETTLED', { amount, allocations: given(allocations) })),
      trailOf({ inferences }),
    );
    expect(Object.fromEntries(split.parts.map((part) => [part.inferenceId, Number(part.amount)]))).toEqual(parts);
    expect(split.unlinked).toBe(BigInt(unlinked));
    expect(split.findings).toEqual(findings);
  });
});
