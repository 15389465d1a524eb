import { describe, expect, it } from 'vitest';
import { groupBy } from '../../../services/shared/core/group.js';
import {
  compareBigint,
  compareEventOrder,
  compareLogOrder,
  compareUtf8,
  sortedIds,
} from '../../../services/shared/core/order.js';
import { fact } from './story.js';

describe('ids', () => {
  it.each([
    ['', 'a', -1],
    ['a', 'a', 0],
    ['a', 'ab', -1],
    ['10', '9', -1],
    ['Z', 'a', -1],
    ['z', 'é', -1],
    ['\uD7FF', '\u{10000}', -1],
    ['\uE000', '\u{10000}', -1],
    ['\uFFFD', '\u{1F600}', -1],
    ['\u{1F600}', '\u{1F601}', -1],
    ['\u{103FF}', '\u{10400}', -1],
    ['\u{103FE}', '\u{103FF}', -1],
    ['\u{10000}', '\u{10FFFF}', -1],
    ['a\u{1F600}b', 'a\u{1F600}a', 1],
    ['\u{10FFFF}', '\u{10000}', 1],
  ])('%j and %j compare as their UTF-8 bytes do: %d', (a, b, sign) => {
    expect(Math.sign(compareUtf8(a, b))).toBe(sign);
    expect(Math.sign(compareUtf8(b, a))).toBe(sign === 0 ? 0 : -sign);
    expect(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)))).toBe(sign);
  });

  it('are sorted, and each there once', () => {
    expect(sortedIds(['b', 'é', 'a', 'b'])).toEqual(['a', 'b', 'é']);
  });
});

describe('log order', () => {
  const line = (offset: number, arrives: string, inference_id: string, partition = 0) =>
    fact('inferences', { at: '09:00', arrives, inference_id, partition }, offset);

  it.each([
    ['an earlier append time first, whatever the key', line(9, '10:00', 'z'), line(0, '10:00:00.001', 'a')],
    [
      'the smaller key first in one millisecond, whatever the partition',
      line(9, '10:00', 'a', 3),
      line(0, '10:00', 'z', 1),
    ],
    ['the smaller offset first under one key', line(1, '10:00', 'a'), line(2, '10:00', 'a')],
    ['the smaller partition first under one key', line(2, '10:00', 'a', 0), line(1, '10:00', 'a', 1)],
  ])('has %s', (_name, first, second) => {
    expect(compareLogOrder(first, second)).toBeLessThan(0);
    expect(compareLogOrder(second, first)).toBeGreaterThan(0);
    expect(compareLogOrder(first, first)).toBe(0);
  });

  it('compares offsets that a number cannot hold', () => {
    expect(compareBigint(2n ** 60n, 2n ** 60n + 1n)).toBe(-1);
    expect(compareBigint(2n ** 60n + 1n, 2n ** 60n)).toBe(1);
    expect(compareBigint(1n, 1n)).toBe(0);
  });
});

describe('event order', () => {
  it('goes by event time, then by log order', () => {
    const early = fact('agents', { at: '09:00', arrives: '12:00' }, 5);
    const first = fact('agents', { at: '10:00', arrives: '10:00' }, 3);
    const second = fact('agents', { at: '10:00', arrives: '11:00' }, 2);
    expect([second, first, early].sort(compareEventOrder)).toEqual([early, first, second]);
  });
});

describe('groups', () => {
  it('come in the order of first appearance', () => {
    expect([...groupBy([3, 1, 5, 2], (item) => item % 2)]).toEqual([
      [1, [3, 1, 5]],
      [0, [2]],
    ]);
  });
});
