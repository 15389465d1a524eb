import { describe, expect, it } from 'vitest';
import { windowsOf } from '../../../services/shared/core/windows.js';
import { windowRow } from '../../../services/window/to-row.js';
import { traffic, trailOf } from '../core/story.js';
import { reportOf } from './report-of.fixture.js';

const UINT256_MAX = 2n ** 256n - 1n;

function amountsOf(...amounts: readonly bigint[]): unknown {
  const trail = trailOf({
    releases: [traffic('09:00', { v1: 10_000 })],
    inferences: [{ at: '10:00', inference_id: 'a', release: 'v1' }],
    payments: amounts.map((amount, i) => ({
      at: '11:00',
      payment_id: `p${i}`,
      amount: String(amount),
      allocations: [{ inference_id: 'a' }],
    })),
  });
  const [window] = windowsOf(trail, 'm');
  if (window === undefined) throw new Error('there is no window');
  const { amount_work: work, amount_possible: possible, amount_late: late } = windowRow(reportOf(window)).says;
  return { work, possible, late };
}

describe('the row of a window', () => {
  it('has sums as decimal strings, up to the greatest that a column holds', () => {
    expect(amountsOf(UINT256_MAX - 1n, 1n)).toEqual({ work: String(UINT256_MAX), possible: '0', late: '0' });
  });

  it('has null for a sum that ClickHouse would wrap', () => {
    expect(amountsOf(UINT256_MAX, 1n)).toEqual({ work: null, possible: '0', late: '0' });
  });
});
