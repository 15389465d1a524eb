import { describe, expect, it } from 'vitest';
import {
  coveredActivations,
  coversActivation,
  coversInference,
  coversTime,
  standingFlags,
  type Flag,
} from '../../../services/shared/core/flags.js';
import { activationsOfRelease, timelineOf, type Activation } from '../../../services/shared/core/timeline.js';
import { facts, flag, micros, traffic, viewOf, type Line } from './story.js';

const withdraw = (at: string, more: Partial<Line> = {}): Line => ({ at, action: 'UNFLAGGED', flag_id: 'f', ...more });

function standing(lines: Line[]): Flag[] {
  return standingFlags(facts('releases', lines));
}

const ON_OFF = [traffic('10:00', { v2: 10_000 }), traffic('11:00', { v1: 10_000 })];

describe('a flag stands', () => {
  it.each<[string, Line[], number]>([
    ['once it is known', [flag('10:00', 'v2')], 1],
    ['beside others of its id', [flag('10:00', 'v2'), flag('10:01', 'v2')], 2],
    ['no longer when it is withdrawn', [flag('10:00', 'v2'), withdraw('10:10')], 0],
    ['no longer when all of its id are withdrawn', [flag('10:00', 'v2'), flag('10:01', 'v3'), withdraw('10:10')], 0],
    ['although an earlier one was withdrawn', [flag('10:00', 'v2'), withdraw('10:10'), flag('10:20', 'v2')], 1],
    ['although it was withdrawn before it was raised', [withdraw('09:00'), flag('10:00', 'v2')], 1],
    ['although another id is withdrawn', [flag('10:00', 'v2'), withdraw('10:10', { flag_id: 'g' })], 1],
    [
      'no longer, whatever release the withdrawal names',
      [flag('10:00', 'v2'), withdraw('10:10', { release: 'v3' })],
      0,
    ],
    [
      'again after two withdrawals',
      [flag('10:00', 'v2'), withdraw('10:10'), withdraw('10:20'), flag('10:30', 'v2')],
      1,
    ],
  ])('%s', (_name, lines, count) => {
    expect(standing(lines)).toHaveLength(count);
  });
});

describe('a flag with an activation number', () => {
  const scope = (lines: Line[]): number | null | undefined => standing(lines)[0]?.scope?.from;

  it.each<[string, Line[], string | null]>([
    [
      'means the one that has the number by the records before it',
      [...ON_OFF, flag('12:00', 'v2', { activation: 1 })],
      '10:00',
    ],
    [
      'means the one that first has it later',
      [flag('09:00', 'v2', { activation: 1 }), traffic('09:10', { v2: 10_000 }, { effective_at: '10:30' }), ...ON_OFF],
      '10:30',
    ],
    [
      'keeps its span when the numbers move',
      [
        ...ON_OFF,
        flag('12:00', 'v2', { activation: 1 }),
        traffic('12:10', { v2: 10_000 }, { effective_at: '08:00' }),
        traffic('12:20', {}, { effective_at: '09:00' }),
      ],
      '10:00',
    ],
    ['means none while none has the number', [...ON_OFF, flag('12:00', 'v2', { activation: 2 })], null],
    ['means none for a number that there cannot be', [...ON_OFF, flag('12:00', 'v2', { activation: 0 })], null],
    ['means an activation of its own release', [...ON_OFF, flag('12:00', 'v1', { activation: 1 })], '11:00'],
  ])('%s', (_name, lines, from) => {
    expect(scope(lines)).toBe(from === null ? null : micros(from));
  });
});

describe('a flag covers an inference', () => {
  const first: Activation = {
    release: 'v2',
    number: 1,
    from: micros('10:00'),
    to: micros('11:00'),
    undoneBy: null,
    restored: null,
  };
  const served = { release: 'v2', activation: first, at: micros('10:30'), targetId: 'tee' };

  it.each<[string, Partial<Line>, Partial<typeof served | { activation: null; targetId: null }>, boolean]>([
    ['of its release', {}, {}, true],
    ['not of another release', {}, { release: 'v1' }, false],
    ['in whatever phase, when it has no scope', {}, { activation: null }, true],
    ['at its `from`', { from: '10:30' }, {}, true],
    ['not before its `from`', { from: '10:30:00.000001' }, {}, false],
    ['not at its `until`', { until: '10:30' }, {}, false],
    ['just before its `until`', { until: '10:30:00.000001' }, {}, true],
    ['whatever its effective time', { effective_at: '20:00' }, {}, true],
    ['of a target it names', { targets: ['other', 'tee'] }, {}, true],
    ['not of a target it does not name', { targets: ['other'] }, {}, false],
    ['not without a target, when it names some', { targets: ['tee'] }, { targetId: null }, false],
    ['not, when it names an empty list of targets', { targets: [] }, {}, false],
    ['of the activation it means', { activation: 1 }, {}, true],
    ['not of an activation that there is not yet', { activation: 2 }, {}, false],
    ['not without an activation, when it means one', { activation: 1 }, { activation: null }, false],
    [
      'not without an activation, when it means one that there is not yet',
      { activation: 2 },
      { activation: null },
      false,
    ],
  ])('%s', (_name, scope, change, covered) => {
    const [only] = standing([...ON_OFF, flag('12:00', 'v2', scope)]);
    expect(coversInference(only as Flag, { ...served, ...change })).toBe(covered);
  });
});

describe('a flag covers an activation', () => {
  it.each<[string, Partial<Line>, boolean]>([
    ['of its release', {}, true],
    ['whatever its targets', { targets: ['tee'] }, true],
    ['when it is the one it means', { activation: 1 }, true],
    ['not when it means another one', { activation: 2 }, false],
    ['that its span meets at the start', { until: '10:00:00.000001' }, true],
    ['not one that begins at its `until`', { until: '10:00' }, false],
    ['that its span meets at the end', { from: '10:59:59.999999' }, true],
    ['not one that ends at its `from`', { from: '11:00' }, false],
    ['not with an empty span', { from: '10:30', until: '10:30' }, false],
    ['not with a span that ends before it begins', { from: '10:40', until: '10:20' }, false],
  ])('%s', (_name, scope, covered) => {
    const log = facts('releases', [...ON_OFF, flag('12:00', 'v2', scope)]);
    const timeline = timelineOf(log);
    const [only] = standingFlags(log);
    expect(coversActivation(only as Flag, activationsOfRelease(timeline, 'v2')[0] as Activation)).toBe(covered);
    expect(coversActivation(only as Flag, activationsOfRelease(timeline, 'v1')[0] as Activation)).toBe(false);
    expect(coveredActivations(standingFlags(log), timeline, 'v2').map(({ number }) => number)).toEqual(
      covered ? [1] : [],
    );
  });
});

describe('a flag covers a time of an activation', () => {
  it.each<[string, Partial<Line>, string, boolean]>([
    ['from its start', {}, '10:00', true],
    ['not before its start', {}, '09:59:59.999', false],
    ['not at its end', {}, '11:00', false],
    ['from its own `from`', { from: '10:30' }, '10:30', true],
    ['not before its own `from`', { from: '10:30' }, '10:29', false],
    ['not at its own `until`', { until: '10:30' }, '10:30', false],
    ['whatever its targets', { targets: ['tee'] }, '10:30', true],
    ['not when it means another activation', { activation: 2 }, '10:30', false],
  ])('%s', (_name, scope, at, covered) => {
    const view = viewOf([...ON_OFF, flag('12:00', 'v2', scope)]);
    const [activation] = activationsOfRelease(view.timeline, 'v2');
    expect(coversTime(view.flags[0] as Flag, activation as Activation, micros(at))).toBe(covered);
  });
});
