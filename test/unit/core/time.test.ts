import { describe, expect, it } from 'vitest';
import {
  contains,
  intersection,
  isoFromMicros,
  isoFromMs,
  overlaps,
  type Span,
} from '../../../services/shared/core/time.js';

describe('a span [from, to)', () => {
  it.each<[Span, number, boolean]>([
    [{ from: 1, to: 3 }, 0, false],
    [{ from: 1, to: 3 }, 1, true],
    [{ from: 1, to: 3 }, 2, true],
    [{ from: 1, to: 3 }, 3, false],
    [{ from: null, to: 3 }, -9, true],
    [{ from: 1, to: null }, 9, true],
    [{ from: 2, to: 2 }, 2, false],
  ])('%j contains %d: %s', (span, at, inside) => {
    expect(contains(span, at)).toBe(inside);
  });

  it.each<[Span, Span, Span | null]>([
    [
      { from: 1, to: 3 },
      { from: 2, to: 4 },
      { from: 2, to: 3 },
    ],
    [{ from: 1, to: 3 }, { from: 3, to: 4 }, null],
    [
      { from: null, to: 3 },
      { from: 2, to: null },
      { from: 2, to: 3 },
    ],
    [
      { from: null, to: null },
      { from: 2, to: null },
      { from: 2, to: null },
    ],
    [
      { from: null, to: null },
      { from: null, to: null },
      { from: null, to: null },
    ],
    [{ from: 1, to: 9 }, { from: 5, to: 4 }, null],
    [{ from: 2, to: 2 }, { from: 1, to: 3 }, null],
  ])('%j meets %j in %j', (a, b, common) => {
    expect(intersection(a, b)).toEqual(common);
    expect(intersection(b, a)).toEqual(common);
    expect(overlaps(a, b)).toBe(common !== null);
  });
});

describe('a time in an answer', () => {
  it('has milliseconds; what is below is cut off', () => {
    expect(isoFromMicros(1_773_136_800_123_999)).toBe('2026-03-10T10:00:00.123Z');
    expect(isoFromMs(1_773_136_800_000)).toBe('2026-03-10T10:00:00.000Z');
    expect(isoFromMicros(-1)).toBe('1969-12-31T23:59:59.999Z');
  });
});
