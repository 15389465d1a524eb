import { expect, it } from 'vitest';

import { Cost } from '../../../services/shared/runtime/cost.js';

it('is what a pass takes, and not what one took that had to wait for a server', () => {
  const cost = new Cost();
  const told = [20_000, 10, 12, 30_000, 4_000, 11, 9].map((ms) => cost.took(ms));
  expect(told).toEqual([0, 0, 10, 10, 12, 11, 9]);
});

it('follows a table that grows, two passes later', () => {
  const cost = new Cost();
  expect([1, 1, 1, 100, 100, 100].map((ms) => cost.took(ms))).toEqual([0, 0, 1, 1, 1, 100]);
});
