import { describe, expect, it } from 'vitest';
import { inferenceHistory, mayChange, proofHistory, sweepOf } from '../../../services/shared/core/histories.js';
import { attribute } from '../../../services/shared/core/attribution.js';
import { ReleaseLog } from '../../../services/shared/core/release-log.js';
import { fact, facts, flag, rollback, traffic, viewOf, type Line } from './story.js';

function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 16);
}

describe('the history of an inference', () => {
  const history = (inference: Partial<Line>, releases: Line[]): string[] => {
    const subject = fact('inferences', { at: '10:30', inference_id: 'r', ...inference });
    const model = ReleaseLog.of(facts('releases', releases)).model('m');
    return inferenceHistory(subject, model).map(({ knownAtMs, value }) =>
      [clock(knownAtMs), value.release ?? value.status, ...value.findings].join(' '),
    );
  };

  it('begins at its own append time, with what was known then', () => {
    const log = [traffic('09:00', { v1: 10_000 }), traffic('09:30', { v2: 10_000 }, { arrives: '12:00' })];
    expect(history({ arrives: '11:00' }, log)).toEqual(['11:00 v1', '12:00 v2']);
    expect(history({ arrives: '13:00' }, log)).toEqual(['13:00 v2']);
  });

  it('has a revision for each record that changes it, and none for others', () => {
    const log = [
      traffic('10:00', { v1: 10_000 }),
      traffic('11:00', { v2: 10_000 }),
      flag('11:10', 'v1'),
      { at: '12:00', action: 'PUBLISHED', release: 'v9', blob_ids: ['b'] },
      { at: '13:00', action: 'TARGET_BOUND', target_id: 't', release: 'v2', effective_at: '10:00' },
      { at: '14:00', action: 'TARGET_UNBOUND', target_id: 't', effective_at: '10:10' },
    ];
    expect(history({ target_id: 't', blob_id: 'b' }, log)).toEqual([
      '10:30 v1 BLOB_UNKNOWN',
      '12:00 v9',
      '13:00 v2 TARGET_BLOB_CONFLICT',
      '14:00 v2 TARGET_BLOB_CONFLICT TARGET_NOT_ENABLED',
    ]);
  });

  it('tells that a claim became unknown because its only traffic, later than the request, was replaced', () => {
    const log = [
      traffic('08:00', { v1: 10_000 }, { arrives: '09:00' }),
      { at: '08:30', action: 'TARGET_BOUND', target_id: 't', release: 'v1' },
      traffic('09:00', { v5: 10_000 }, { effective_at: '12:00' }),
      traffic('11:00', { v6: 10_000 }, { effective_at: '12:00' }),
    ];
    expect(history({ target_id: 't', release: 'v5' }, log)).toEqual([
      '10:30 v1 TARGET_CLAIM_CONFLICT',
      '11:00 v1 RELEASE_UNKNOWN TARGET_CLAIM_CONFLICT',
    ]);
  });
});

describe('a sweep', () => {
  const said = (releases: Line[], inference: Partial<Line>) => {
    const subject = fact('inferences', { at: '10:30', inference_id: 'r', ...inference });
    return { subject, verdict: attribute(subject.record, viewOf(releases)) };
  };
  const LOG = [traffic('10:00', { v1: 10_000 }), traffic('11:00', { v2: 10_000 })];

  it.each<[string, Line, Partial<Line>, boolean]>([
    [
      'of traffic reaches what was served from its effective time on',
      traffic('12:00', {}, { effective_at: '10:30' }),
      {},
      true,
    ],
    ['of traffic leaves alone what was served before it', traffic('12:00', {}, { effective_at: '10:31' }), {}, false],
    ['of a rollback is one of traffic', rollback('12:00', 'v1', 'v2', { effective_at: '10:00' }), {}, true],
    [
      'of traffic reaches back as far as the clock may be off',
      traffic('12:00', {}, { effective_at: '10:31' }),
      { clock_error_ms: 60_000 },
      true,
    ],
    [
      'of traffic is not held off by a negative clock error',
      traffic('12:00', {}, { effective_at: '10:30' }),
      { clock_error_ms: -1 },
      true,
    ],
    ['of traffic reaches what is premature', traffic('23:00', {}), { release: 'v2' }, true],
    ['of traffic reaches what never had traffic', traffic('23:00', {}), { release: 'v9' }, true],
    [
      'of traffic reaches a claim that did not decide',
      traffic('23:00', {}),
      { at: '10:30', release: 'v2', blob_id: 'b' },
      true,
    ],
    [
      'of blobs reaches who carries one',
      { at: '12:00', action: 'PUBLISHED', release: 'v7', blob_ids: ['a', 'b'] },
      { blob_id: 'b' },
      true,
    ],
    [
      'of blobs reaches who claims the release',
      { at: '12:00', action: 'PUBLISHED', release: 'v7', blob_ids: [] },
      { release: 'v7' },
      true,
    ],
    [
      'of blobs leaves others alone',
      { at: '12:00', action: 'PUBLISHED', release: 'v7', blob_ids: ['a'] },
      { blob_id: 'b', release: 'v1' },
      false,
    ],
    [
      'of a target reaches what it served from then on',
      { at: '10:30', action: 'TARGET_BOUND', target_id: 't', release: 'v7' },
      { target_id: 't' },
      true,
    ],
    [
      'of a target leaves alone what it served before',
      { at: '10:31', action: 'TARGET_BOUND', target_id: 't', release: 'v7' },
      { target_id: 't' },
      false,
    ],
    [
      'of a target leaves alone what another served',
      { at: '10:00', action: 'TARGET_UNBOUND', target_id: 't' },
      { target_id: 'u' },
      false,
    ],
  ])('%s', (_name, release, inference, reached) => {
    const { subject, verdict } = said(
      [...LOG, { at: '08:00', action: 'PUBLISHED', release: 'v1', blob_ids: ['b'] }],
      inference,
    );
    const sweep = sweepOf(fact('releases', release));
    if (sweep === null) throw new Error('this record changes what is attributed');
    expect(mayChange(sweep, subject, verdict)).toBe(reached);
  });

  it.each<[string, Line]>([
    ['a flag', flag('10:00', 'v1')],
    ['a withdrawal', { at: '10:00', action: 'UNFLAGGED', flag_id: 'f' }],
    ['a close', { at: '10:00', action: 'INCIDENT_CLOSED', release: 'v1' }],
    ['a retirement', { at: '10:00', action: 'RETIRED', release: 'v1' }],
  ])('there is none of %s: it changes nothing that is attributed', (_name, line) => {
    expect(sweepOf(fact('releases', line))).toBeNull();
  });
});

describe('the history of proofs', () => {
  it('has a revision for each state, and none for a copy or for what changes nothing', () => {
    const history = proofHistory(
      facts('proofs', [
        { at: '10:00', event_id: 'e', state: 'SUBMITTED' },
        { at: '10:00', arrives: '10:10', event_id: 'e', state: 'SUBMITTED' },
        { at: '10:20', state: 'SUBMITTED' },
        { at: '10:30', state: 'VERIFIED' },
        { at: '10:05', arrives: '10:40', state: 'VERIFIED' },
        { at: '10:50', state: 'FAILED' },
      ]),
    );
    expect(history.map(({ knownAtMs, value }) => `${clock(knownAtMs)} ${value.state}`)).toEqual([
      '10:00 pending',
      '10:30 verified',
      '10:40 verified',
    ]);
    expect(proofHistory([])).toEqual([]);
  });
});
