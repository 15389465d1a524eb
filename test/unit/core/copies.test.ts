import { describe, expect, it } from 'vitest';
import { tellApart, type Identity } from '../../../services/shared/core/copies.js';
import type { Fact } from '../../../services/shared/core/record.js';
import { fact, type Line } from './story.js';

function request(offset: number, line: Line): Fact<Identity> {
  return fact('inferences', { inference_id: 'r', event_id: 'e', ...line }, offset);
}

/** Offset of each record: what was found, and against which offset. */
function said(facts: readonly Fact<Identity>[]): Record<string, string> {
  return Object.fromEntries(
    tellApart(facts).map(({ fact: { position }, finding, of }) => [
      String(position.offset),
      finding === null ? 'counts' : `${finding} of ${of.position.offset}`,
    ]),
  );
}

describe('records that share an event', () => {
  it('are told apart from the first in the log, by what they say', () => {
    const facts = [
      request(0, { at: '10:00' }),
      request(1, { at: '10:00', arrives: '10:01' }),
      request(2, { at: '10:00', arrives: '10:02', release: 'v2' }),
      request(3, { at: '10:00', event_id: 'f', inference_id: 's' }),
    ];
    expect(said(facts)).toEqual({ 0: 'counts', 1: 'DUPLICATE of 0', 2: 'EVENT_ID_CONFLICT of 0' });
  });

  it('in one millisecond count under the smallest key, whatever their partitions', () => {
    const facts = [
      request(0, { at: '10:00', inference_id: 'z' }),
      request(9, { at: '10:00', inference_id: 'a', partition: 2 }),
    ];
    expect(said(facts)).toEqual({ 9: 'counts', 0: 'EVENT_ID_CONFLICT of 9' });
  });

  it('say nothing of whoever is alone', () => {
    expect(
      tellApart([request(0, { at: '10:00' }), request(1, { at: '10:00', event_id: 'f', inference_id: 's' })]),
    ).toEqual([]);
  });

  it('are no business of the inference where the stream is another', () => {
    const proofs = [0, 1].map((offset) =>
      fact('proofs', { at: '10:00', inference_id: 'r', state: 'VERIFIED' }, offset),
    );
    const reduced = proofs.map((one): Fact<Identity> => ({ ...one, record: { event_id: one.record.event_id } }));
    expect(tellApart(reduced)).toEqual([]);
  });
});

describe('records of one inference under several events', () => {
  it('count as the first in the log', () => {
    const facts = [
      request(0, { at: '10:00', arrives: '10:05', event_id: 'late' }),
      request(1, { at: '10:00', event_id: 'first' }),
    ];
    expect(said(facts)).toEqual({ 1: 'counts', 0: 'SAME_INFERENCE of 1' });
  });

  it('do not lose to a copy that does not count itself', () => {
    // 1 is a conflicting copy of 0 and names s first; it does not count, so 2 does.
    const facts = [
      request(0, { at: '10:00', event_id: 'e', inference_id: 'r' }),
      request(1, { at: '10:01', event_id: 'e', inference_id: 's' }),
      request(2, { at: '10:02', event_id: 'f', inference_id: 's' }),
    ];
    expect(said(facts)).toEqual({ 0: 'counts', 1: 'EVENT_ID_CONFLICT of 0', 2: 'counts' });
  });

  it('are decided anew when a chain of events and inferences grows, from more records than before', () => {
    const known = [
      request(1, { at: '10:01', event_id: 'e', inference_id: 's' }),
      request(2, { at: '10:02', event_id: 'f', inference_id: 's' }),
    ];
    expect(said(known)).toEqual({ 1: 'counts', 2: 'SAME_INFERENCE of 1' });
    const first = request(0, { at: '10:00', event_id: 'e', inference_id: 'r' });
    expect(said([...known, first])).toEqual({ 0: 'counts', 1: 'EVENT_ID_CONFLICT of 0', 2: 'counts' });
    const copies = (facts: readonly Fact<Identity>[]) => new Set(tellApart(facts).map((verdict) => verdict.copies));
    expect(copies(known)).toEqual(new Set([2]));
    expect(copies([...known, first])).toEqual(new Set([3]));
  });

  it('keep groups that have nothing in common apart', () => {
    const facts = ['a', 'b'].flatMap((id, i) => [
      request(i * 2, { at: '10:00', event_id: id, inference_id: id }),
      request(i * 2 + 1, { at: '10:00', arrives: '10:01', event_id: id, inference_id: id }),
    ]);
    expect(tellApart(facts).map(({ copies }) => copies)).toEqual([2, 2, 2, 2]);
  });
});
