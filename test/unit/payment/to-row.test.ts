import { describe, expect, it } from 'vitest';

import { linkedTo } from '../../../services/payment/linked.js';
import { toReferences } from '../../../services/payment/references.js';
import { toRow } from '../../../services/payment/to-row.js';
import type { LinkedRecord } from '../../../services/shared/runtime/payment-reads.js';
import { subjectsOf } from '../../../services/shared/runtime/subjects.js';
import { fact, facts, micros, ms, type Line } from '../core/story.js';

type Columns = Readonly<Record<string, unknown>>;

interface Named extends Partial<Pick<LinkedRecord, 'copies' | 'counts'>> {
  readonly line: Line;
}

function rowOf(payments: readonly Line[], inferences: readonly Named[] = []): Columns {
  const read = inferences.map(({ line, copies = 0, counts = true }, i) => {
    return { fact: fact('inferences', { model_id: 'm', event_id: `i${i}`, ...line }, i), copies, counts };
  });
  const [subject] = subjectsOf(facts('payments', payments), (record) => record.payment_id);
  if (subject === undefined) throw new Error('no payment');
  return toRow(subject, linkedTo(read)(subject)) as unknown as Columns;
}

const paid: Line = { at: '10:00', amount: 9, allocations: [{ inference_id: 'a' }, { inference_id: 'b' }] };
const a = { at: '09:00', inference_id: 'a' };

describe('the row of a payment', () => {
  it('says of each part which inference it is for, and which are waited for', () => {
    expect(rowOf([paid], [{ line: a }])).toMatchObject({
      parts: [
        { inference_id: 'a', model_id: 'm', occurred_at: micros('09:00'), amount: '5' },
        { inference_id: 'b', model_id: null, occurred_at: null, amount: '4' },
      ],
      waiting: ['b'],
      waits_since: ms('10:00'),
      own: [],
      linked: [],
      known_at: ms('10:00'),
    });
  });

  it('keeps since when an inference is known, and what there is to share', () => {
    const row = rowOf([paid], [{ line: { ...a, arrives: '11:00', cost: '7' } }]);
    const open = { is_link: true, amount: null };
    expect(row).toMatchObject({ known_at: ms('11:00'), waiting: ['b'], waits_since: ms('10:00') });
    expect(row['own']).toMatchObject([{ known_at: ms('10:00'), rest: '9', by_session: false, links: [open, open] }]);
    expect(row['linked']).toEqual([
      { inference_id: 'a', model_id: 'm', occurred_at: micros('09:00'), cost: '7', since: ms('11:00') },
      { inference_id: 'b', model_id: null, occurred_at: null, cost: null, since: null },
    ]);
  });

  it('keeps what allocations gave, as they count', () => {
    const given = (amount: string): Line => ({ ...paid, allocations: [{ inference_id: 'a', amount }] });
    const later = { ...paid, at: '11:00', allocations: [{ inference_id: 'b' }] };
    const row = rowOf([
      { ...given('12'), state: 'AUTHORISED' },
      { ...later, state: 'AUTHORISED' },
    ]);
    expect(row['own']).toMatchObject([
      { findings: ['OVER_ALLOCATED'], rest: '0', links: [{ amount: '9' }, { is_link: false }] },
      { findings: [], rest: '9', links: [{ is_link: false }, { is_link: true, amount: null }] },
    ]);
  });

  it('keeps who paid whom, each as its latest record had it then', () => {
    const row = rowOf([paid, { ...paid, at: '11:00', state: 'REFUNDED', payer: '0x01', network: 'other' }]);
    expect(row).toMatchObject({ payer: '0x01', network: 'other', state: 'REFUNDED' });
    expect(row['own']).toMatchObject([{ payer: '0x00', network: 'n', state: 'SETTLED' }, { payer: '0x01' }]);
  });

  it('is for an inference by its session, when it names none', () => {
    const named = [{ line: { ...a, session_id: 's' } }, { line: { ...a, inference_id: 'c', session_id: 'another' } }];
    expect(rowOf([{ at: '10:00', amount: 9, session_id: 's' }], named)['parts']).toMatchObject([
      { inference_id: 'a', amount: '9' },
    ]);
  });

  it('names every model that it was ever about, its own included', () => {
    const models = [
      { ...paid, model_id: 'p' },
      { ...paid, at: '11:00', model_id: 'q' },
    ];
    expect(rowOf(models, [{ line: { ...a, model_id: 'm' } }])['models']).toEqual(['m', 'p', 'q']);
  });

  it('goes without a record of which another counts, and is known to rest on more', () => {
    const first = rowOf([paid], [{ line: a }]);
    const told = rowOf([paid], [{ line: a, counts: false, copies: 2 }]);
    expect(told).toMatchObject({ waiting: ['a', 'b'], facts: 2 });
    expect(Number(told['version'])).toBeGreaterThan(Number(first['version']));
  });

  it('is void while each of its records is a copy of an event of another payment', () => {
    const copy: Line = { at: '10:00', arrives: '11:00', event_id: 'e', payment_id: 'copy' };
    const all = facts('payments', [{ at: '10:00', event_id: 'e', payment_id: 'first' }, copy]);
    const rows = subjectsOf(all, (record) => record.payment_id).map((subject) => toRow(subject, linkedTo([])(subject)));
    expect(rows).toMatchObject([
      { payment_id: 'first', version: 2 },
      { payment_id: 'copy', version: 2, void: true },
    ]);
  });
});

it('a payment refers to each inference once, and to its session', () => {
  const twice = { ...paid, session_id: 's', allocations: [{ inference_id: 'a' }, { inference_id: 'a' }], partition: 3 };
  expect(toReferences(fact('payments', twice))).toEqual([
    { kind: 'inference', ref: 'a', payment_id: 'p', partition: 3 },
    { kind: 'session', ref: 's', payment_id: 'p', partition: 3 },
  ]);
});
