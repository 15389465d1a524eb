import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { clipped, joined, offsetsIn, parseRanges, rangesText } from '../../../services/replay/ranges.js';

const someRanges = fc
  .array(fc.tuple(fc.bigInt({ min: 0n, max: 60n }), fc.bigInt({ min: 0n, max: 9n })))
  .map((pairs) => pairs.map(([from, size]) => ({ from, to: from + size })));

function offsets(ranges: readonly { from: bigint; to: bigint }[]): bigint[] {
  const all = new Set<bigint>();
  for (const { from, to } of ranges) for (let offset = from; offset < to; offset += 1n) all.add(offset);
  return [...all].sort((a, b) => Number(a - b));
}

describe('ranges of offsets', () => {
  it('hold the same offsets when they are joined, and what is no longer than asked between them', () => {
    fc.assert(
      fc.property(someRanges, fc.bigInt({ min: 0n, max: 5n }), (ranges, through) => {
        const given = offsets(ranges);
        const expected = given.flatMap((offset, i) => {
          const gap = offset - (given[i - 1] ?? offset) - 1n;
          const filled = gap > 0n && gap <= through ? Array.from({ length: Number(gap) }, (_, j) => BigInt(j + 1)) : [];
          return [...filled.map((j) => (given[i - 1] as bigint) + j), offset];
        });
        const result = joined(ranges, through);
        expect(offsets(result)).toEqual(expected);
        expect(offsetsIn(result)).toBe(BigInt(expected.length));
        expect(parseRanges(rangesText(result))).toEqual(result);
      }),
    );
  });

  it('are cut to what lies within', () => {
    expect(clipped(parseRanges('0-5,7-20,30-31'), { from: 3n, to: 9n })).toEqual(parseRanges('3-5,7-9'));
  });

  it.each(['5', '5-', '5-5', '7-3', '0-5,5-9', '0-5,3-9', '9-12,0-5', ' 1-2', '1-2,', '-1-2'])('are not %j', (text) => {
    expect(() => parseRanges(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
