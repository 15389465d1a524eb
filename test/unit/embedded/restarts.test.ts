import { describe, expect, test } from 'vitest';
import {
  afterDeath,
  countDeath,
  DEATHS_IN_A_ROW_MAX,
  wasKilled,
  WELL_AFTER_MS,
} from '../../../infra/embedded/restarts.js';

describe('a process that died', () => {
  const by = (inARow: number, own = inARow) => ({ inARow, own });

  test('is started again soon, then ever later', () => {
    const delays = [1, 2, 3, 4, 5].map((deaths) => afterDeath(by(deaths)));
    expect(delays).toEqual([250, 500, 1000, 2000, 4000].map((delayMs) => ({ kind: 'restart', delayMs })));
    expect(afterDeath(by(60, 0))).toEqual({ kind: 'restart', delayMs: 10_000 });
  });

  test('too often in a row is given up, with the number', () => {
    expect(afterDeath(by(9, DEATHS_IN_A_ROW_MAX))).toEqual({ kind: 'give-up', why: 'died 6 times in a row' });
  });

  test('after a good life begins to count anew', () => {
    const ended = { wasReady: true, killed: false, diskFull: false };
    expect(countDeath(by(4), { ...ended, livedMs: WELL_AFTER_MS })).toEqual(by(1));
    expect(countDeath(by(4), { ...ended, livedMs: WELL_AFTER_MS - 1 })).toEqual(by(5));
  });

  test('killed from outside is never given up for it, and waits ever longer if it was not even ready', () => {
    const ended = { livedMs: 10, killed: true, diskFull: false };
    expect(countDeath(by(4, 3), { ...ended, wasReady: true })).toEqual(by(1, 0));
    expect(countDeath(by(4, 3), { ...ended, wasReady: false })).toEqual(by(5, 3));
  });

  test('is never given up for what a full disk did to it', () => {
    const ended = { livedMs: 10, wasReady: false, killed: false, diskFull: true };
    expect(countDeath(by(5), ended)).toEqual(by(1, 0));
  });

  test.each([
    ['killed by SIGKILL', true, true],
    ['killed by SIGTERM', true, true],
    ['exit code 143', true, true],
    ['exit code 0', true, false],
    ['killed by SIGSEGV', false, false],
    ['killed by SIGABRT', false, false],
    ['exit code 1', false, false],
    ['exit code 130 or so', false, false],
  ])('%s: from outside? %s, and before it was ready? %s', (reason, ready, starting) => {
    expect(wasKilled(reason, { wasReady: true })).toBe(ready);
    expect(wasKilled(reason, { wasReady: false })).toBe(starting);
  });
});
