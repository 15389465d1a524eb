import { describe, expect, it } from 'vitest';
import { attribute } from '../../../services/shared/core/attribution.js';
import { activationOf, judge } from '../../../services/shared/core/taint.js';
import { fact, flag, traffic, viewOf, type Line } from './story.js';

const RELEASES = [
  traffic('09:00', { v1: 10_000 }),
  traffic('10:00', { v1: 5000, v2: 5000 }),
  traffic('11:00', { v3: 10_000 }),
  ...['v1', 'v2'].map((release) => ({ at: '08:00', action: 'PUBLISHED', release, blob_ids: ['B'] })),
];

function judged(flags: Line[], inference: Partial<Line>) {
  const view = viewOf([...RELEASES, ...flags]);
  const { record } = fact('inferences', { at: '10:30', inference_id: 'r', ...inference });
  const verdict = attribute(record, view);
  return { verdict, view, judgement: judge(record, verdict, view) };
}

describe('an inference is', () => {
  it.each<[string, Line[], Partial<Line>, string]>([
    ['tainted when it is attributed and a flag covers it', [flag('12:00', 'v2')], { release: 'v2' }, 'tainted'],
    ['tainted when it is stale and a flag covers it', [flag('12:00', 'v2')], { at: '11:30', release: 'v2' }, 'tainted'],
    [
      'tainted when it is premature and a flag covers it',
      [flag('12:00', 'v2')],
      { at: '09:30', release: 'v2' },
      'tainted',
    ],
    ['clean when a flag covers another release', [flag('12:00', 'v1')], { release: 'v2' }, 'clean'],
    ['clean without a flag', [], { release: 'v2' }, 'clean'],
    ['possible when a flag covers one of its candidates', [flag('12:00', 'v1')], {}, 'possible'],
    ['clean when no flag covers a candidate', [flag('12:00', 'v3')], {}, 'clean'],
    [
      'possible by the activation it would have, also an ended one',
      [flag('12:00', 'v2', { activation: 1 })],
      { at: '11:30', blob_id: 'B' },
      'possible',
    ],
    [
      'clean when that is another activation',
      [flag('12:00', 'v2', { activation: 2 })],
      { at: '11:30', blob_id: 'B' },
      'clean',
    ],
    ['unattributed before everything', [flag('12:00', 'v1')], { at: '08:00' }, 'unattributed'],
  ])('%s', (_name, flags, inference, taint) => {
    expect(judged(flags, inference).judgement.taint).toBe(taint);
  });

  it('judged for every candidate, each with the flags that cover it', () => {
    const { judgement } = judged([flag('12:00', 'v1'), flag('12:01', 'v1', { flag_id: 'g' })], {});
    expect(judgement.releases.map(({ release, coveredBy }) => [release, coveredBy.length])).toEqual([
      ['v1', 2],
      ['v2', 0],
    ]);
  });
});

describe('the activation of a verdict', () => {
  it('is the one it names, and none when it names none', () => {
    const of = (inference: Partial<Line>) => {
      const { verdict, view } = judged([], inference);
      return activationOf(verdict, view);
    };
    expect(of({ release: 'v2' })).toMatchObject({ release: 'v2', number: 1 });
    expect(of({ release: 'v9' })).toBeNull();
    expect(of({})).toBeNull();
  });
});
