import { describe, expect, it } from 'vitest';
import {
  activationsOfRelease,
  effectiveAt,
  isTrafficRecord,
  lastAtOrBefore,
  timelineOf,
  trafficAt,
} from '../../../services/shared/core/timeline.js';
import { fact, facts, flag, micros, rollback, traffic, type Line } from './story.js';

const ALL_V1 = { v1: 10_000 };
const ALL_V2 = { v2: 10_000 };

function timeline(...lines: Line[]) {
  return timelineOf(facts('releases', lines));
}

function spans(lines: Line[], release: string): string[] {
  return activationsOfRelease(timeline(...lines), release).map(
    ({ number, from, to, undoneBy, restored }) =>
      `${number}: ${clock(from)} to ${to === null ? 'now' : clock(to)}${undoneBy === null ? '' : ` restored ${restored}`}`,
  );
}

function clock(at: number): string {
  return new Date(at / 1000).toISOString().slice(11, 16);
}

function shares(lines: Line[], at: string): Record<string, number> {
  return Object.fromEntries(trafficAt(timeline(...lines), micros(at)));
}

describe('the split of traffic at a time', () => {
  it.each<[string, Line[], string, Record<string, number>]>([
    ['is empty without any record', [], '10:00', {}],
    ['is empty before the first record', [traffic('10:00', ALL_V1)], '09:59:59.999999', {}],
    ['holds from the effective time itself', [traffic('10:00', ALL_V1)], '10:00', ALL_V1],
    ['is replaced as a whole by the next', [traffic('10:00', ALL_V1), traffic('11:00', ALL_V2)], '11:00', ALL_V2],
    [
      'holds until just before the next',
      [traffic('10:00', ALL_V1), traffic('11:00', ALL_V2)],
      '10:59:59.999999',
      ALL_V1,
    ],
    [
      'follows effective times, not the order of the log',
      [traffic('11:00', ALL_V2), traffic('12:00', ALL_V1, { effective_at: '10:00' })],
      '11:30',
      ALL_V2,
    ],
    [
      'is that of the greatest R of one effective time',
      [traffic('11:00', ALL_V2), traffic('09:00', ALL_V1, { effective_at: '11:00', arrives: '12:00' })],
      '11:00',
      ALL_V1,
    ],
    ['knows no release with a share of 0', [traffic('10:00', { v1: 10_000, v2: 0 })], '10:00', ALL_V1],
    ['is empty in an outage', [traffic('10:00', ALL_V1), traffic('10:30', {})], '10:30', {}],
    ['is all of the restored release after a rollback', [rollback('10:00', 'v2', 'v1')], '10:00', ALL_V1],
    [
      'is what the rollback says, if it says so',
      [rollback('10:00', 'v2', 'v1', { traffic: { v0: 4000, v1: 6000 } })],
      '10:00',
      { v0: 4000, v1: 6000 },
    ],
    ['is not changed by a flag', [traffic('10:00', ALL_V1), flag('10:10', 'v1')], '10:20', ALL_V1],
    ['is changed by a rollback to the very release it undoes', [rollback('10:00', 'v1', 'v1')], '10:00', ALL_V1],
  ])('%s', (_name, lines, at, expected) => {
    expect(shares(lines, at)).toEqual(expected);
  });
});

describe('the activations of a release', () => {
  it.each<[string, Line[], string[]]>([
    ['are none before it had traffic', [traffic('10:00', ALL_V2)], []],
    ['stay open while it has traffic', [traffic('10:00', ALL_V1)], ['1: 10:00 to now']],
    [
      'continue through a second traffic set that keeps it',
      [traffic('10:00', ALL_V1), traffic('10:30', { v1: 1, v2: 9999 }), traffic('11:00', ALL_V2)],
      ['1: 10:00 to 11:00'],
    ],
    [
      'are numbered in time order, whatever the order of the log',
      [traffic('12:00', ALL_V1), traffic('11:00', ALL_V2), traffic('12:10', ALL_V1, { effective_at: '10:00' })],
      ['1: 10:00 to 11:00', '2: 12:00 to now'],
    ],
    [
      'end with a share of 0',
      [traffic('10:00', ALL_V1), traffic('11:00', { v1: 0, v2: 10_000 })],
      ['1: 10:00 to 11:00'],
    ],
    [
      'are undone by a rollback that names the release at their end',
      [traffic('10:00', ALL_V1), rollback('11:00', 'v1', 'v0')],
      ['1: 10:00 to 11:00 restored v0'],
    ],
    [
      'are undone also by a rollback that was replaced',
      [traffic('10:00', ALL_V1), rollback('11:00', 'v1', 'v0'), traffic('11:10', ALL_V2, { effective_at: '11:00' })],
      ['1: 10:00 to 11:00 restored v0'],
    ],
    [
      'were undone to what the greatest R of several rollbacks says',
      [
        traffic('10:00', ALL_V1),
        rollback('11:00', 'v1', 'v0'),
        rollback('11:10', 'v1', 'v9', { effective_at: '11:00' }),
      ],
      ['1: 10:00 to 11:00 restored v9'],
    ],
    [
      'are not undone by a rollback of another release',
      [traffic('10:00', ALL_V1), rollback('11:00', 'v2', 'v0')],
      ['1: 10:00 to 11:00'],
    ],
    [
      'are not undone by a traffic set that mentions the release',
      [traffic('10:00', ALL_V1), traffic('11:00', ALL_V2, { release: 'v1' })],
      ['1: 10:00 to 11:00'],
    ],
    [
      'are not undone by a rollback that leaves them a share',
      [traffic('10:00', ALL_V1), rollback('11:00', 'v1', 'v0', { traffic: { v0: 9999, v1: 1 } })],
      ['1: 10:00 to now'],
    ],
    [
      'are not undone by a rollback at another time than their end',
      [traffic('10:00', ALL_V1), traffic('11:00', ALL_V2), rollback('11:30', 'v1', 'v0')],
      ['1: 10:00 to 11:00'],
    ],
  ])('%s', (_name, lines, expected) => {
    expect(spans(lines, 'v1')).toEqual(expected);
  });

  it('say which record undid them', () => {
    const lines = facts('releases', [traffic('10:00', ALL_V1), rollback('11:00', 'v1', 'v0')]);
    expect(activationsOfRelease(timelineOf(lines), 'v1')[0]?.undoneBy).toBe(lines[1]);
  });
});

describe('the changes of traffic', () => {
  it.each<[string, Line[], string[]]>([
    ['begin with the first split', [traffic('10:00', ALL_V1)], ['10:00']],
    ['are none while nothing ever had traffic', [traffic('10:00', {}), traffic('11:00', { v1: 0 })], []],
    [
      'leave out a record that repeats the split',
      [traffic('10:00', ALL_V1), traffic('11:00', { v1: 10_000, v2: 0 })],
      ['10:00'],
    ],
    [
      'have new shares of the same releases',
      [traffic('10:00', { a: 1, b: 9999 }), traffic('11:00', { a: 2, b: 9998 })],
      ['10:00', '11:00'],
    ],
    [
      'leave out a split that was replaced before it could hold',
      [traffic('10:00', ALL_V1), traffic('11:00', ALL_V2), traffic('11:10', ALL_V1, { effective_at: '11:00' })],
      ['10:00'],
    ],
  ])('%s', (_name, lines, expected) => {
    expect(timeline(...lines).changes.map(clock)).toEqual(expected);
  });
});

describe('records', () => {
  it('count from their effective time, by default from their event time', () => {
    expect(effectiveAt(fact('releases', traffic('10:00', {})).record)).toBe(micros('10:00'));
    expect(effectiveAt(fact('releases', traffic('10:00', {}, { effective_at: '08:00' })).record)).toBe(micros('08:00'));
  });

  it('set traffic when they are TRAFFIC_SET or ROLLED_BACK', () => {
    const lines = [traffic('10:00', {}), rollback('10:00', 'v2', 'v1'), flag('10:00', 'v1')];
    expect(facts('releases', lines).map(({ record }) => isTrafficRecord(record))).toEqual([true, true, false]);
  });
});

describe('the last item at or before a time', () => {
  it.each([
    [0, -1],
    [1, 0],
    [2, 0],
    [3, 1],
    [9, 1],
  ])('of 1 and 3 at %d has the index %d', (at, index) => {
    expect(lastAtOrBefore([1, 3], at, (item) => item)).toBe(index);
  });
});
