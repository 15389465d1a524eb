import { describe, expect, it } from 'vitest';
import { incidentOf, type Incident } from '../../../services/shared/core/incident.js';
import { flag, micros, rollback, traffic, trailOf, type Line, type Lines } from './story.js';

const ON = traffic('09:00', { v2: 10_000 });
const OFF = rollback('10:00', 'v2', 'v1');
const FLAG = flag('10:10', 'v2');
const close = (at: string, more: Partial<Line> = {}): Line => ({
  at,
  action: 'INCIDENT_CLOSED',
  release: 'v2',
  ...more,
});
const withdraw = (at: string): Line => ({ at, action: 'UNFLAGGED', flag_id: 'f' });

function incident(lines: Lines, known = '22:00'): Incident | null {
  return incidentOf(trailOf(lines, known), 'm', 'v2');
}

const SERVED = { at: '09:30', inference_id: 'r' };
const STRAGGLER = { at: '10:20', inference_id: 's', release: 'v2' };
const pays = (at: string, more: Partial<Line> = {}): Line => ({
  at,
  amount: 5,
  allocations: [{ inference_id: 'r' }],
  ...more,
});

describe('the state of an incident', () => {
  it.each<[string, Lines, string | null]>([
    ['is none without a flag', { releases: [ON, close('11:00')] }, null],
    ['is withdrawn when no flag is left', { releases: [ON, FLAG, close('11:00'), withdraw('11:10')] }, 'withdrawn'],
    [
      'is not withdrawn while another flag is left',
      { releases: [ON, OFF, FLAG, flag('10:20', 'v2', { flag_id: 'g' }), withdraw('11:10')] },
      'contained',
    ],
    [
      'is active while a covered activation has traffic, closed or not',
      { releases: [ON, FLAG, close('11:00')] },
      'active',
    ],
    ['is active although the flag ended', { releases: [ON, flag('10:10', 'v2', { until: '09:30' })] }, 'active'],
    [
      'is contained when what has traffic is not covered',
      { releases: [ON, flag('10:10', 'v2', { until: '09:00' })] },
      'contained',
    ],
    ['is contained after the last covered activation', { releases: [ON, OFF, FLAG] }, 'contained'],
    [
      'is contained while a covered activation lies ahead',
      { releases: [FLAG, traffic('11:00', { v2: 10_000 }, { effective_at: '23:00' })] },
      'contained',
    ],
    ['is closed by a close', { releases: [ON, OFF, FLAG, close('11:00')] }, 'closed'],
    [
      'is closed by a close between two flags',
      { releases: [ON, OFF, FLAG, close('11:00'), flag('11:10', 'v2')] },
      'closed',
    ],
    ['is not closed by a close before the first flag', { releases: [ON, OFF, close('10:05'), FLAG] }, 'contained'],
    [
      'is not closed by the close of another release',
      { releases: [ON, OFF, FLAG, close('11:00', { release: 'v1' })] },
      'contained',
    ],
  ])('%s', (_name, lines, state) => {
    expect(incident(lines)?.state ?? null).toBe(state);
  });

  const CLOSED = [ON, OFF, FLAG, close('11:00')];

  it.each<[string, Lines, string]>([
    [
      'by a payment with a tainted part',
      { releases: CLOSED, inferences: [SERVED], payments: [pays('11:00:00.001')] },
      'reopened',
    ],
    [
      'by a payment of which only one part is tainted',
      {
        releases: CLOSED,
        inferences: [SERVED, { at: '10:20', inference_id: 'clean' }],
        payments: [pays('12:00', { allocations: [{ inference_id: 'clean' }, { inference_id: 'r' }] })],
      },
      'reopened',
    ],
    [
      'by a settlement of the past that was appended after it',
      { releases: CLOSED, inferences: [SERVED], payments: [pays('09:40', { arrives: '12:00' })] },
      'reopened',
    ],
    [
      'not by a settlement that was appended with it',
      { releases: CLOSED, inferences: [SERVED], payments: [pays('11:00')] },
      'closed',
    ],
    [
      'not by a settlement that was first appended before it',
      { releases: CLOSED, inferences: [SERVED], payments: [pays('10:30'), pays('10:20', { arrives: '12:00' })] },
      'closed',
    ],
    [
      'by a payment of nothing',
      { releases: CLOSED, inferences: [SERVED], payments: [pays('12:00', { amount: 0 })] },
      'reopened',
    ],
    [
      'by a payment that was refunded',
      { releases: CLOSED, inferences: [SERVED], payments: [pays('12:00'), pays('12:10', { state: 'REFUNDED' })] },
      'reopened',
    ],
    [
      'not by a payment that was reversed',
      { releases: CLOSED, inferences: [SERVED], payments: [pays('12:00'), pays('12:10', { state: 'REVERSED' })] },
      'closed',
    ],
    [
      'not by a payment for the work of another flagged release',
      {
        releases: [...CLOSED, flag('11:10', 'v1')],
        inferences: [{ ...SERVED, release: 'v1' }],
        payments: [pays('12:00')],
      },
      'closed',
    ],
    [
      'not by a payment for a request that another release may have served',
      {
        releases: [traffic('09:00', { v2: 1, v1: 9999 }), OFF, FLAG, close('11:00')],
        inferences: [SERVED],
        payments: [pays('12:00')],
      },
      'closed',
    ],
    [
      'by a covered straggler',
      { releases: CLOSED, inferences: [{ ...STRAGGLER, arrives: '11:00:00.001' }] },
      'reopened',
    ],
    [
      'not by a straggler that was appended with it',
      { releases: CLOSED, inferences: [{ ...STRAGGLER, arrives: '11:00' }] },
      'closed',
    ],
    [
      'not by a straggler that no flag covers',
      {
        releases: [ON, OFF, flag('10:10', 'v2', { until: '10:00' }), close('11:00')],
        inferences: [{ ...STRAGGLER, arrives: '12:00' }],
      },
      'closed',
    ],
    [
      'not by a covered request that is not stale',
      { releases: CLOSED, inferences: [{ ...SERVED, arrives: '12:00' }] },
      'closed',
    ],
    [
      'by a covered activation that began',
      { releases: [...CLOSED, traffic('12:00', { v2: 10_000 }), traffic('13:00', {})] },
      'reopened',
    ],
    [
      'not by an activation that is only restated',
      { releases: [...CLOSED, traffic('12:00', { v2: 10_000 }, { effective_at: '08:30' })] },
      'closed',
    ],
    [
      'not by an activation that only grew together with another',
      {
        releases: [
          ON,
          OFF,
          FLAG,
          close('11:00'),
          traffic('12:00', { v2: 1, v1: 9999 }, { effective_at: '10:00' }),
          traffic('12:01', {}, { effective_at: '10:30' }),
        ],
      },
      'closed',
    ],
    [
      'not by an activation that was appended with it, although after it in the log',
      {
        releases: [
          ...CLOSED,
          traffic('10:30', { v2: 10_000 }, { arrives: '11:00' }),
          traffic('10:40', {}, { arrives: '11:00' }),
        ],
      },
      'closed',
    ],
    [
      'not by an activation that no flag covers',
      { releases: [ON, OFF, flag('10:10', 'v2', { activation: 1 }), close('11:00'), traffic('12:00', { v2: 10_000 })] },
      'closed',
    ],
    [
      'no longer after the next close',
      { releases: [...CLOSED, traffic('12:00', { v2: 10_000 }), traffic('13:00', {}), close('14:00')] },
      'closed',
    ],
  ])('is reopened after a close %s', (_name, lines, state) => {
    expect(incident(lines)?.state).toBe(state);
  });
});

describe('an incident', () => {
  it('covers what its flags cover, and is contained at the end of the last', () => {
    const releases = [
      ON,
      OFF,
      traffic('11:00', { v2: 10_000 }),
      traffic('12:00', {}),
      flag('13:00', 'v2', { from: '11:30' }),
    ];
    expect(incident({ releases })).toMatchObject({ activations: [2], containedAt: micros('12:00') });
    expect(incident({ releases: [...releases, flag('13:10', 'v2', { activation: 1 })] })).toMatchObject({
      activations: [1, 2],
    });
    expect(incident({ releases: [...releases, traffic('14:00', { v2: 10_000 }), flag('14:10', 'v2')] })).toMatchObject({
      activations: [1, 2, 3],
      containedAt: null,
    });
  });

  it.each<[string, Line[], string[]]>([
    ['a restored release that is flagged itself', [ON, OFF, FLAG, flag('11:00', 'v1', { flag_id: 'g' })], ['v1']],
    [
      'a restored release whose flag covers nothing',
      [ON, OFF, FLAG, flag('11:00', 'v1', { flag_id: 'g', activation: 7 })],
      ['v1'],
    ],
    ['no release that is not flagged', [ON, OFF, FLAG], []],
    ['no release whose flag was withdrawn', [ON, OFF, flag('10:10', 'v1'), withdraw('10:20'), FLAG], []],
    [
      'no release restored by undoing what is not covered',
      [ON, OFF, flag('10:10', 'v2', { from: '10:00' }), flag('11:00', 'v1')],
      [],
    ],
    [
      'itself, when it was restored by its own rollback',
      [ON, rollback('10:00', 'v2', 'v2', { traffic: { v1: 10_000 } }), FLAG],
      ['v2'],
    ],
    [
      'each release once',
      [ON, OFF, traffic('11:00', { v2: 10_000 }), rollback('12:00', 'v2', 'v1'), FLAG, flag('13:00', 'v1')],
      ['v1'],
    ],
  ])('is linked to %s', (_name, releases, linked) => {
    expect(incident({ releases })?.linked).toEqual(linked);
  });

  it.each<[string, Line[], string | null]>([
    ['with the next healthy traffic', [ON, OFF, FLAG], '10:00'],
    ['not with an outage', [ON, traffic('10:00', {}), FLAG], null],
    ['with traffic after an outage', [ON, traffic('10:00', {}), traffic('10:30', { v1: 10_000 }), FLAG], '10:30'],
    ['not while the release keeps a share', [ON, traffic('10:00', { v1: 9999, v2: 1 }), FLAG], null],
    ['not with another flagged release', [ON, OFF, FLAG, flag('11:00', 'v1')], null],
    ['when the flag of the other release ends', [ON, OFF, FLAG, flag('11:00', 'v1', { until: '10:20' })], '10:20'],
    ['when its own flag ends', [ON, flag('10:00', 'v2', { until: '09:30' })], '09:30'],
    [
      'not before the first moment that a flag covers',
      [ON, traffic('09:30', { v1: 1, v2: 9999 }), OFF, flag('11:00', 'v2', { from: '09:40' })],
      '10:00',
    ],
    [
      'in a gap between two flags',
      [ON, flag('10:00', 'v2', { until: '09:30' }), flag('10:00', 'v2', { from: '09:40' })],
      '09:30',
    ],
    [
      'with an activation that the flag does not mean',
      [ON, traffic('10:00', {}), flag('10:10', 'v2', { activation: 1 }), traffic('10:20', { v2: 10_000 })],
      '10:20',
    ],
    ['not when a flag covers traffic of no activation', [ON, OFF, flag('10:10', 'v2', { activation: 9 })], null],
    [
      'not with the flagged one of two activations',
      [traffic('08:00', { v1: 10_000 }), ON, OFF, FLAG, flag('11:00', 'v1', { activation: 2 })],
      null,
    ],
    [
      'in the future, when that is already known',
      [ON, traffic('10:00', { v1: 10_000 }, { effective_at: '23:00' }), FLAG],
      '23:00',
    ],
  ])('has recovered %s', (_name, releases, at) => {
    expect(incident({ releases })?.recoveredAt).toBe(at === null ? null : micros(at));
  });
});
