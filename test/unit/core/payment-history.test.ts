import { describe, expect, it } from 'vitest';
import { paymentHistory } from '../../../services/shared/core/payment-history.js';
import { revisionsOf } from './payment-revisions.js';
import { facts, micros, ms, type Line } from './story.js';

function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 16);
}

describe('the history of a payment', () => {
  const payment: Line = {
    at: '10:00',
    payment_id: 'p',
    amount: 9,
    allocations: [{ inference_id: 'a' }, { inference_id: 'b' }],
  };
  const parts = (payments: Line[], inferences: Line[]): string[] =>
    revisionsOf(paymentHistory(facts('payments', payments), facts('inferences', inferences))).map(
      ({ knownAtMs, value }) => `${clock(knownAtMs)} ${value.parts.map(({ amount }) => String(amount)).join('+')}`,
    );

  it('has a revision when an inference it names becomes known, however late', () => {
    const inferences = [
      { at: '09:00', inference_id: 'a', cost: '1' },
      { at: '09:00', arrives: '12:00', inference_id: 'b', cost: '2' },
    ];
    expect(parts([payment], inferences)).toEqual(['10:00 5+4', '12:00 3+6']);
  });

  it('has a revision when one becomes known, also where it changes no amount', () => {
    const named: Line[] = [{ at: '09:00', arrives: '12:00', inference_id: 'a', model_id: 'm' }];
    const history = revisionsOf(paymentHistory(facts('payments', [payment]), facts('inferences', named)));
    expect(history.map(({ knownAtMs, value }) => [clock(knownAtMs), value.parts[0]])).toEqual([
      ['10:00', { inferenceId: 'a', modelId: null, occurredAt: null, amount: 5n }],
      ['12:00', { inferenceId: 'a', modelId: 'm', occurredAt: micros('09:00'), amount: 5n }],
    ]);
  });

  it('has a revision when its latest record names another payer', () => {
    const later = { ...payment, at: '11:00', payer: '0x01' };
    const history = revisionsOf(paymentHistory(facts('payments', [payment, later]), []));
    expect(history.map(({ knownAtMs, value }) => `${clock(knownAtMs)} ${value.payment.payer}`)).toEqual([
      '10:00 0x00',
      '11:00 0x01',
    ]);
  });

  it('goes by the copy of an inference that counts', () => {
    const inferences = [
      { at: '09:00', inference_id: 'a', cost: '1' },
      { at: '09:00', inference_id: 'b', cost: '2' },
      { at: '09:00', arrives: '11:00', inference_id: 'b', cost: '8' },
    ];
    expect(parts([payment], inferences)).toEqual(['10:00 3+6']);
    expect(parts([payment], [...inferences].reverse())).toEqual(['10:00 3+6']);
  });

  it('begins with the first record, whatever else was known before', () => {
    const authorised = { ...payment, at: '11:00', state: 'AUTHORISED', amount: 4 };
    expect(parts([{ ...payment, arrives: '12:00' }, authorised], [{ at: '09:00', inference_id: 'a' }])).toEqual([
      '11:00 2+2',
      '12:00 5+4',
    ]);
  });

  it('is the newest alone where nothing else was ever said', () => {
    const history = paymentHistory(
      facts('payments', [payment]),
      facts('inferences', [{ at: '09:00', inference_id: 'a' }]),
    );
    expect(history).toMatchObject({ knownAtMs: ms('10:00'), own: [], linked: [], waitsSinceMs: ms('10:00') });
  });

  it('grows with its inferences, and not with their square', () => {
    const size = (count: number): number => {
      const late = Array.from({ length: count }, (_, i) => {
        const arrives = `10:${String(10 + (i % 50))}`;
        return { at: '09:00', arrives, inference_id: `i${i}`, session_id: 's' };
      });
      const { own, linked } = paymentHistory(
        facts('payments', [{ at: '10:00', amount: 9, session_id: 's' }]),
        facts('inferences', late),
      );
      return own.reduce((sum, { links }) => sum + links.length, linked.length);
    };
    expect([size(10), size(1000)]).toEqual([20, 2000]);
  });

  it('waits since its own records last said something that had all it names', () => {
    const waits = (payments: Line[], inferences: Line[]): string | null => {
      const since = paymentHistory(facts('payments', payments), facts('inferences', inferences)).waitsSinceMs;
      return since === null ? null : clock(since);
    };
    const [a, b] = [
      { at: '09:00', arrives: '10:30', inference_id: 'a' },
      { at: '09:00', arrives: '12:00', inference_id: 'b' },
    ];
    const only = { ...payment, allocations: [{ inference_id: 'a' }] };
    expect(waits([payment], [a])).toBe('10:00');
    expect(waits([payment], [a, b])).toBeNull();
    const more = { ...payment, at: '11:00', state: 'AUTHORISED' };
    expect(waits([{ ...only, state: 'AUTHORISED' }, more], [a])).toBe('11:00');
    expect(waits([payment, { ...payment, at: '11:00', payer: '0x01' }], [a])).toBe('10:00');
    expect(waits([{ ...payment, allocations: [], session_id: 's' }], [])).toBe('10:00');
  });

  it('spells out every split where 256 bits are not enough to compute it', () => {
    const amounts = (cost: bigint, amount: bigint): unknown => {
      const late = { at: '09:00', arrives: '12:00', inference_id: 'a', cost: cost.toString() };
      const history = paymentHistory(
        facts('payments', [{ ...payment, amount: amount.toString() }]),
        facts('inferences', [late]),
      );
      return history.own.map(({ links }) => links.map((link) => link.amount));
    };
    const half = 1n << 128n;
    expect(amounts(half, half - 2n)).toEqual([[null, null]]);
    expect(amounts(half, half)).toEqual([
      [half / 2n, half / 2n],
      [half / 2n, half / 2n],
    ]);
  });
});
