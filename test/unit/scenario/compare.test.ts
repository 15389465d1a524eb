import { describe, expect, it } from 'vitest';
import { matches } from '../../../services/scenario/compare.js';

const DAY = Date.UTC(2026, 2, 10) * 1000;

describe('an answer is as expected', () => {
  it.each<[string, unknown, unknown, boolean]>([
    ['when the named fields are', { a: 1 }, { a: 1, b: 2 }, true],
    ['not when a named field differs', { a: 1 }, { a: 2 }, false],
    ['not when a named field is missing', { a: null }, {}, false],
    ['when a named field is null', { a: null }, { a: null }, true],
    ['when nested objects are, by their named fields', { a: { b: 1 } }, { a: { b: 1, c: 2 } }, true],
    ['not when a nested field differs', { a: { b: 1 } }, { a: { b: 2 } }, false],
    ['not when a list is longer', [1], [1, 2], false],
    ['not when a list is shorter', [1, 2], [1], false],
    ['not when a list is in another order', ['a', 'b'], ['b', 'a'], false],
    ['when the objects of a list are, by their named fields', [{ a: 1 }], [{ a: 1, b: 2 }], true],
    ['when an empty list is expected and there', [], [], true],
    ['not when a list is expected and an object is there', [], {}, false],
    ['not when an object is expected and a list is there', {}, [], false],
    ['not when an object is expected and nothing is there', {}, null, false],
    ['when money is written as a number', { amount: 100 }, { amount: '100' }, true],
    ['not when money is another number', { amount: 100 }, { amount: '1000' }, false],
    ['not when a text is expected and a number is there', { activation: '1' }, { activation: 1 }, false],
    ['when a time is written as on a clock', { at: '10:05' }, { at: '2026-03-10T10:05:00.000Z' }, true],
    ['when a time is written as on a later day', { at: '+1d 10:05:00.5' }, { at: '2026-03-11T10:05:00.500Z' }, true],
    ['when a time is written in ISO-8601', { at: '2026-03-10T10:05Z' }, { at: '2026-03-10T10:05:00.000Z' }, true],
    ['not when it is another time', { at: '10:06' }, { at: '2026-03-10T10:05:00.000Z' }, false],
    ['when an id looks like a clock time and is the same', ['10:05'], ['10:05'], true],
    ['not when an id looks like a clock time and is another', ['10:05'], ['10:06'], false],
    ['not when a time is expected and an id is there', ['10:05'], ['ten'], false],
    ['when truth values are the same', { late: false }, { late: false }, true],
    ['not when they are texts', { late: 'false' }, { late: false }, false],
    [
      'when a field has a name that objects have anyway',
      { traffic: { __proto__: null, constructor: 10_000 } },
      { traffic: { constructor: 10_000 } },
      true,
    ],
    ['not when only every object has such a field', { constructor: 1 }, {}, false],
  ])('%s', (_name, expected, actual, same) => {
    expect(matches(expected, actual, DAY)).toBe(same);
  });
});
