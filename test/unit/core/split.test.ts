import { describe, expect, it } from 'vitest';
import { splitByWeight } from '../../../services/shared/core/split.js';

type Weights = Record<string, bigint>;

describe('an amount split by weight', () => {
  it.each<[string, bigint, Weights, Weights]>([
    ['goes to the only one', 7n, { a: 3n }, { a: 7n }],
    ['is exact where it can be', 10n, { a: 3n, b: 2n }, { a: 6n, b: 4n }],
    ['gives what is left to the largest remainder', 10n, { a: 1n, b: 2n, c: 3n }, { a: 2n, b: 3n, c: 5n }],
    ['gives it to the smaller id where remainders tie', 1n, { b: 1n, a: 1n }, { a: 1n, b: 0n }],
    ['gives every unit that is left to another one', 5n, { c: 1n, b: 1n, a: 1n }, { a: 2n, b: 2n, c: 1n }],
    ['gives nothing to a weight of 0', 5n, { a: 0n, b: 1n, c: 1n }, { a: 0n, b: 3n, c: 2n }],
    ['is equal when all weights are 0', 5n, { a: 0n, b: 0n }, { a: 3n, b: 2n }],
    ['is nothing of nothing', 0n, { a: 1n, b: 2n }, { a: 0n, b: 0n }],
    ['breaks ties by UTF-8 bytes', 1n, { '\u{1F600}': 1n, '\uFFFD': 1n }, { '\uFFFD': 1n, '\u{1F600}': 0n }],
    [
      'is exact far beyond floating point',
      2n ** 256n - 1n,
      { a: 2n ** 255n, b: 2n ** 255n },
      { a: 2n ** 255n, b: 2n ** 255n - 1n },
    ],
  ])('%s', (_name, amount, weights, expected) => {
    const shares = Object.entries(weights).map(([id, weight]) => ({ id, weight }));
    expect(Object.fromEntries(splitByWeight(amount, shares))).toEqual(expected);
  });
});
