import { describe, expect, it } from 'vitest';
import { raisedAtMs, type AlertHistory } from '../../../services/shared/core/alert-ledger.js';
import { alertsOf } from '../../../services/shared/core/alerts.js';
import { flag, ms, traffic, trailOf, type Line, type Lines } from './story.js';

const withdraw = (at: string, flag_id = 'f'): Line => ({ at, action: 'UNFLAGGED', flag_id });
const ON = traffic('09:00', { v2: 10_000 });
const OFF = traffic('10:00', { v1: 10_000 });
const pays = (at: string, ids: string[], more: Partial<Line> = {}): Line => ({
  at,
  amount: 6,
  allocations: ids.map((inference_id) => ({ inference_id })),
  ...more,
});

function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 16);
}

function told(alert: AlertHistory): string {
  const { kind, release, subject, states, retroactive, late } = alert;
  const last = states.at(-1);
  const words = [kind, release, subject, `raised ${clock(raisedAtMs(alert))}`];
  words.push(`${last?.state ?? 'never'} since ${clock(last?.atMs ?? 0)}`);
  return [...words, ...(retroactive ? ['retroactive'] : []), ...(late ? ['late'] : [])].join(', ');
}

function alerts(lines: Lines, known = '22:00'): string[] {
  return alertsOf(trailOf(lines, known), 'm').map(told);
}

describe('SETTLED_ON_FLAGGED', () => {
  const R = { at: '09:30', inference_id: 'r' };
  const raised = (at: string, ...more: string[]) => [
    ['SETTLED_ON_FLAGGED', 'v2', 'p', `raised ${at}`, `firing since ${at}`, ...more].join(', '),
  ];

  it.each<[string, Lines, string[]]>([
    [
      'is raised when the flag comes',
      { releases: [ON, flag('11:00', 'v2')], inferences: [R], payments: [pays('10:30', ['r'])] },
      raised('11:00', 'retroactive'),
    ],
    [
      'is raised when the settlement comes',
      { releases: [ON, flag('10:00', 'v2')], inferences: [R], payments: [pays('10:30', ['r'])] },
      raised('10:30'),
    ],
    [
      'is raised when the inference comes',
      {
        releases: [ON, flag('10:00', 'v2')],
        inferences: [{ ...R, arrives: '12:00' }],
        payments: [pays('10:30', ['r'])],
      },
      raised('12:00'),
    ],
    [
      'is raised when the release becomes known',
      {
        releases: [flag('10:00', 'v2'), { ...ON, arrives: '12:00' }],
        inferences: [R],
        payments: [pays('10:30', ['r'])],
      },
      ['FLAGGED_REACTIVATED, v2, 2026-03-10T09:00:00.000Z, raised 12:00, firing since 12:00', ...raised('12:00')],
    ],
    [
      'is not retroactive with a flag of the same millisecond',
      { releases: [ON, flag('10:30', 'v2')], inferences: [R], payments: [pays('10:30', ['r'])] },
      raised('10:30'),
    ],
    [
      'is not retroactive when one of the flags was there before',
      {
        releases: [ON, flag('10:00', 'v2'), flag('11:00', 'v2')],
        inferences: [{ ...R, arrives: '12:00' }],
        payments: [pays('10:30', ['r'])],
      },
      raised('12:00'),
    ],
    [
      'is retroactive by append times, not by event times',
      { releases: [ON, flag('09:00', 'v2', { arrives: '11:00' })], inferences: [R], payments: [pays('10:30', ['r'])] },
      raised('11:00', 'retroactive'),
    ],
    [
      'is late from the end of the activation on',
      {
        releases: [ON, OFF, flag('09:50', 'v2', { arrives: '10:00' })],
        inferences: [R],
        payments: [pays('10:00', ['r'])],
      },
      raised('10:00', 'late'),
    ],
    [
      'is late when one of the tainted parts is',
      {
        releases: [ON, OFF, traffic('10:10', { v2: 10_000 }), flag('10:20', 'v2')],
        inferences: [R, { at: '10:15', inference_id: 's' }],
        payments: [pays('10:30', ['r', 's'])],
      },
      raised('10:30', 'late'),
    ],
    [
      'is raised for a part of nothing',
      {
        releases: [ON, flag('10:00', 'v2')],
        inferences: [R],
        payments: [pays('10:30', [], { amount: 0, allocations: [{ inference_id: 'r', amount: 0 }] })],
      },
      raised('10:30'),
    ],
    [
      'is raised for a link by session',
      {
        releases: [ON, flag('10:00', 'v2')],
        inferences: [{ ...R, session_id: 'S' }],
        payments: [pays('10:30', [], { session_id: 'S' })],
      },
      raised('10:30'),
    ],
    [
      'is not raised by an authorisation',
      {
        releases: [ON, flag('10:00', 'v2')],
        inferences: [R],
        payments: [pays('10:30', ['r'], { state: 'AUTHORISED' })],
      },
      [],
    ],
    [
      'is not raised by what is refunded at once',
      {
        releases: [ON, flag('10:00', 'v2')],
        inferences: [R],
        payments: [pays('10:30', ['r']), pays('10:20', [], { state: 'REFUNDED', arrives: '10:30' })],
      },
      [],
    ],
    [
      'is not raised by what may have been another release',
      {
        releases: [traffic('09:00', { v1: 1, v2: 9999 }), flag('10:00', 'v2')],
        inferences: [R],
        payments: [pays('10:30', ['r'])],
      },
      [],
    ],
  ])('%s', (_name, lines, expected) => {
    expect(alerts(lines)).toEqual(expected);
  });

  it('resolves and fires again under what it first said', () => {
    const releases = [ON, OFF, flag('10:40', 'v2'), withdraw('11:00'), flag('12:00', 'v2')];
    const lines = { releases, inferences: [R], payments: [pays('10:30', ['r'])] };
    const first = 'SETTLED_ON_FLAGGED, v2, p, raised 10:40';
    expect(alerts(lines, '10:39')).toEqual([]);
    expect(alerts(lines, '10:50')).toEqual([`${first}, firing since 10:40, retroactive, late`]);
    expect(alerts(lines, '11:30')).toEqual([`${first}, resolved since 11:00, retroactive, late`]);
    expect(alerts(lines, '12:30')).toEqual([`${first}, firing since 12:00, retroactive, late`]);
  });

  it('goes on firing when one flag follows the other', () => {
    const releases = [ON, flag('10:00', 'v2'), flag('11:00', 'v2', { flag_id: 'g' }), withdraw('12:00')];
    const lines = { releases, inferences: [R], payments: [pays('10:30', ['r'])] };
    expect(alerts(lines)).toEqual(raised('10:30'));
  });

  it.each(['REFUNDED', 'REVERSED'])('resolves when the payment is %s', (state) => {
    const payments = [pays('10:30', ['r']), pays('11:00', [], { state })];
    const lines = { releases: [ON, flag('10:00', 'v2')], inferences: [R], payments };
    expect(alerts(lines)).toEqual(['SETTLED_ON_FLAGGED, v2, p, raised 10:30, resolved since 11:00']);
  });

  it('is raised once for every release, each by its own parts and flags', () => {
    const releases = [ON, OFF, flag('10:10', 'v2'), flag('11:00', 'v1')];
    const inferences = [R, { at: '10:05', inference_id: 's' }];
    expect(alerts({ releases, inferences, payments: [pays('10:30', ['r', 's'])] })).toEqual([
      'SETTLED_ON_FLAGGED, v2, p, raised 10:30, firing since 10:30, late',
      'SETTLED_ON_FLAGGED, v1, p, raised 11:00, firing since 11:00, retroactive',
    ]);
  });

  it('is not raised for the work of another model', () => {
    const lines = {
      releases: [ON, flag('10:00', 'v2')],
      inferences: [{ ...R, model_id: 'n', release: 'v2' }],
      payments: [pays('10:30', ['r'])],
    };
    expect(alerts(lines)).toEqual([]);
  });
});

describe('FLAGGED_REACTIVATED', () => {
  const reactivated = (start: string, raisedAt: string, release = 'v2') =>
    `FLAGGED_REACTIVATED, ${release}, 2026-03-10T${start}:00.000Z, raised ${raisedAt}, firing since ${raisedAt}`;
  const AGAIN = traffic('12:00', { v2: 10_000 });

  it.each<[string, Line[], string[]]>([
    ['is raised by a new activation', [ON, OFF, flag('11:00', 'v2'), AGAIN], [reactivated('12:00', '12:00')]],
    ['is raised by the first activation there is', [flag('11:00', 'v2'), AGAIN], [reactivated('12:00', '12:00')]],
    [
      'is raised at once, even if it lies ahead',
      [ON, OFF, flag('11:00', 'v2'), { ...AGAIN, arrives: '11:10' }],
      [reactivated('12:00', '11:10')],
    ],
    [
      'is raised by an activation of the past',
      [ON, OFF, flag('11:00', 'v2'), traffic('11:10', { v2: 1, v1: 9999 }, { effective_at: '10:30' })],
      [reactivated('10:30', '11:10')],
    ],
    ['is not raised by an activation that was known', [ON, OFF, AGAIN, flag('12:30', 'v2')], []],
    [
      'is not raised by an activation that is restated',
      [ON, OFF, flag('11:00', 'v2'), traffic('11:10', { v2: 10_000 }, { effective_at: '08:00' })],
      [],
    ],
    [
      'is raised by a record after the flag in one millisecond',
      [ON, OFF, flag('12:00', 'v2'), AGAIN],
      [reactivated('12:00', '12:00')],
    ],
    ['is not raised by a record before the flag in one millisecond', [ON, OFF, AGAIN, flag('12:00', 'v2')], []],
    [
      'is not raised when the flag means another activation',
      [ON, OFF, flag('11:00', 'v2', { activation: 1 }), AGAIN],
      [],
    ],
    [
      'is raised when the flag means this activation',
      [ON, OFF, flag('11:00', 'v2', { activation: 2 }), AGAIN],
      [reactivated('12:00', '12:00')],
    ],
    ['is not raised when the flag ends before it', [ON, OFF, flag('11:00', 'v2', { until: '12:00' }), AGAIN], []],
    ['is not raised when the flag has targets', [ON, OFF, flag('11:00', 'v2', { targets: ['tee'] }), AGAIN], []],
    ['is not raised when the flag was withdrawn', [ON, OFF, flag('11:00', 'v2'), withdraw('11:10'), AGAIN], []],
    [
      'is raised by an earlier flag although a later one knew the activation',
      [ON, OFF, flag('11:00', 'v2'), AGAIN, flag('12:10', 'v2', { flag_id: 'g' })],
      [reactivated('12:00', '12:00')],
    ],
    [
      'is raised by whichever of several flags covers it',
      [ON, OFF, flag('11:00', 'v2'), flag('11:01', 'v2', { activation: 1 }), AGAIN],
      [reactivated('12:00', '12:00')],
    ],
    [
      'is raised for each release',
      [flag('11:00', 'v2'), flag('11:00', 'v3', { flag_id: 'g' }), traffic('12:00', { v2: 1, v3: 9999 })],
      [reactivated('12:00', '12:00'), reactivated('12:00', '12:00', 'v3')],
    ],
  ])('%s', (_name, releases, expected) => {
    expect(alerts({ releases })).toEqual(expected);
  });

  it('resolves when the activation turns out not to have been', () => {
    const releases = [flag('11:00', 'v2'), AGAIN, traffic('13:00', {}, { effective_at: '12:00' })];
    expect(alerts({ releases })).toEqual([
      'FLAGGED_REACTIVATED, v2, 2026-03-10T12:00:00.000Z, raised 12:00, resolved since 13:00',
    ]);
  });
});

describe('STALE_SERVING', () => {
  const stale = (at: string, id: string, more: Partial<Line> = {}): Line => ({
    at,
    inference_id: id,
    release: 'v2',
    ...more,
  });

  it('is raised by the first straggler that a flag covers, once per activation', () => {
    const releases = [ON, OFF, flag('10:30', 'v2'), traffic('11:00', { v2: 10_000 }), traffic('12:00', {})];
    const inferences = [stale('10:10', 'a'), stale('10:40', 'b'), stale('12:30', 'c'), stale('09:30', 'active')];
    expect(alerts({ releases, inferences }).filter((line) => line.startsWith('STALE'))).toEqual([
      'STALE_SERVING, v2, 1, raised 10:30, firing since 10:30',
      'STALE_SERVING, v2, 2, raised 12:30, firing since 12:30',
    ]);
  });

  it('goes on firing while another straggler is covered, and resolves with the last', () => {
    const flags = [flag('10:30', 'v2', { until: '10:20' }), flag('10:40', 'v2', { flag_id: 'g', from: '10:20' })];
    const releases = [ON, OFF, ...flags, withdraw('11:00'), withdraw('12:00', 'g')];
    const inferences = [stale('10:10', 'a'), stale('10:25', 'b')];
    expect(alerts({ releases, inferences }, '11:30')).toEqual([
      'STALE_SERVING, v2, 1, raised 10:30, firing since 10:30',
    ]);
    expect(alerts({ releases, inferences })).toEqual(['STALE_SERVING, v2, 1, raised 10:30, resolved since 12:00']);
  });

  it('is not raised by a straggler that no flag covers, or that may be another release', () => {
    const releases = [ON, OFF, flag('10:30', 'v2', { until: '10:10' })];
    expect(alerts({ releases, inferences: [stale('10:10', 'a'), { at: '10:05', inference_id: 'b' }] })).toEqual([]);
  });
});

describe('alerts', () => {
  it('come by (raised_at, kind, subject, release)', () => {
    const releases = [
      traffic('09:00', { v1: 5000, v2: 5000 }),
      traffic('10:00', { v3: 10_000 }),
      flag('11:00', 'v2'),
      flag('11:00', 'v1', { flag_id: 'g' }),
    ];
    const inferences = [
      { at: '09:30', inference_id: 'r', release: 'v1' },
      { at: '09:30', inference_id: 's', release: 'v2' },
      { at: '10:30', inference_id: 't', release: 'v1' },
    ];
    const payments = [pays('10:30', ['r', 's'], { payment_id: 'b' }), pays('10:30', ['s'], { payment_id: 'a' })];
    const found = alertsOf(trailOf({ releases, inferences, payments }), 'm');
    expect(found.map(({ kind, subject, release }) => `${kind} ${subject} ${release}`)).toEqual([
      'SETTLED_ON_FLAGGED a v2',
      'SETTLED_ON_FLAGGED b v1',
      'SETTLED_ON_FLAGGED b v2',
      'STALE_SERVING 1 v1',
    ]);
    expect(found.every((alert) => raisedAtMs(alert) === ms('11:00'))).toBe(true);
  });

  it('are none for a model that was never flagged', () => {
    expect(alerts({ releases: [ON, OFF], inferences: [{ at: '10:30', inference_id: 't', release: 'v2' }] })).toEqual(
      [],
    );
  });
});
