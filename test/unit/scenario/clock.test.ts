import { describe, expect, it } from 'vitest';
import { parseClock, parseIso } from '../../../services/scenario/clock.js';

const DAY = Date.UTC(2026, 2, 10) * 1000;
const HOUR = 3_600_000_000;

describe('a clock time', () => {
  it.each([
    ['00:00', 0],
    ['10:05', 10 * HOUR + 300_000_000],
    ['10:05:30', 10 * HOUR + 330_000_000],
    ['10:05:30.25', 10 * HOUR + 330_250_000],
    ['10:05:30.000001', 10 * HOUR + 330_000_001],
    ['23:59:59.999999', 24 * HOUR - 1],
    ['+3d 09:00', 81 * HOUR],
    ['+0d 09:00', 9 * HOUR],
    ['+12345d 00:00', 12_345 * 24 * HOUR],
  ])('%s is counted from midnight of the day', (text, micros) => {
    expect(parseClock(text, DAY)).toBe(DAY + micros);
  });

  it.each(['2026-03-10T10:05Z', '2026-03-10T10:05:00Z', '2026-03-10T10:05:00.000Z', '2026-03-10T10:05:00.000000Z'])(
    '%s may be written in ISO-8601 as well',
    (text) => {
      expect(parseClock(text, 0)).toBe(DAY + 10 * HOUR + 300_000_000);
      expect(parseIso(text)).toBe(DAY + 10 * HOUR + 300_000_000);
    },
  );

  it.each([
    '',
    '9:00',
    '24:00',
    '10:60',
    '10:05:60',
    '10:05:30.',
    '10:05:30.1234567',
    '3d 09:00',
    '+3d09:00',
    '-1d 09:00',
    '+123456d 00:00',
    ' 10:05',
    '10:05\n',
    'ten',
  ])('%j is none', (text) => {
    expect(parseClock(text, DAY)).toBeNull();
  });

  it.each([
    '2026-02-30T10:00Z',
    '2026-13-01T10:00Z',
    '2026-03-10T24:00Z',
    '2026-03-10T10:00',
    '2026-03-10',
    '2026-03-10T10:00+01:00',
  ])('%s is none: such a day, time or zone there is not', (text) => {
    expect(parseClock(text, DAY)).toBeNull();
  });
});
