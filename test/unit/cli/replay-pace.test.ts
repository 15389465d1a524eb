import { describe, expect, it } from 'vitest';

import { ReplayPace } from '../../../services/cli/replay-pace.js';

function said(total: number, seconds: number, parts: readonly (readonly [number, 'now' | 'before'])[]): string {
  const pace = new ReplayPace(total, 5_000);
  for (const [records, when] of parts) pace.read(records, when);
  return pace.sentence(5_000 + seconds * 1_000);
}

describe('the pace of a replay', () => {
  it.each([
    [said(1_000, 0, []), '0 of 1000 records (0 %), 0/s'],
    [said(1_000, 10, [[200, 'now']]), '200 of 1000 records (20 %), 20/s, 40 s left'],
    [said(100_000, 10, [[1_000, 'now']]), '1000 of 100000 records (1 %), 100/s, 17 min left'],
    [said(1_000_000, 10, [[1_000, 'now']]), '1000 of 1000000 records (0 %), 100/s, 2 h 47 min left'],
    [said(10, 3, [[10, 'now']]), '10 records are read; windows, alerts and digests follow'],
  ])('%s', (sentence, expected) => {
    expect(sentence).toBe(expected);
  });

  it('does not count as its own what was read before it was cut off', () => {
    const parts = [
      [800, 'before'],
      [100, 'now'],
    ] as const;
    expect(said(1_000, 10, parts)).toBe('900 of 1000 records (90 %), 10/s, 10 s left');
  });
});
