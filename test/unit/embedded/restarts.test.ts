import { describe, expect, test } from 'vitest';
import {
  afterDeath,
  countDeath,
  DEATHS_IN_A_ROW_MAX,
  wasKilled,
  WELL_AFTER_MS,
} from '../../../infra/embedded/restarts.js';

describe('a process that died', () => {
  test('is started again soon, then ever later', () => {
    const delays = [1, 2, 3, 4, 5].map((deaths) => afterDeath(deaths));
    expect(delays).toEqual([250, 500, 1000, 2000, 4000].map((delayMs) => ({ kind: 'restart', delayMs })));
  });

  test('too often in a row is given up, with the number', () => {
    expect(afterDeath(DEATHS_IN_A_ROW_MAX)).toEqual({ kind: 'give-up', why: 'died 6 times in a row' });
  });

  test('after a good life begins to count anew', () => {
    const ended = { wasReady: true, killed: false, diskFull: false };
    expect(countDeath(4, { ...ended, livedMs: WELL_AFTER_MS })).toBe(1);
    expect(countDeath(4, { ...ended, livedMs: WELL_AFTER_MS - 1 })).toBe(5);
  });

  test('killed from outside it begins to count anew, unless it was not even ready', () => {
    const ended = { livedMs: 10, killed: true, diskFull: false };
    expect(countDeath(4, { ...ended, wasReady: true })).toBe(1);
    expect(countDeath(4, { ...ended, wasReady: false })).toBe(5);
  });

  test('is never given up for what a full disk did to it', () => {
    expect(countDeath(5, { livedMs: 10, wasReady: false, killed: false, diskFull: true })).toBe(1);
  });

  test.each([
    ['killed by SIGKILL', true],
    ['killed by SIGTERM', true],
    ['exit code 143', true],
    ['exit code 0', true],
    ['killed by SIGSEGV', false],
    ['killed by SIGABRT', false],
    ['exit code 1', false],
    ['exit code 130 or so', false],
  ])('%s: from outside? %s', (reason, expected) => {
    expect(wasKilled(reason)).toBe(expected);
  });
});
