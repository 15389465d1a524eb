import { describe, expect, it } from 'vitest';
import { windowsOf } from '../../../services/shared/core/windows.js';
import { flag, rollback, traffic, trailOf, type Lines } from './story.js';

const STORY: Lines = {
  releases: [
    traffic('09:00', { v1: 10_000 }),
    traffic('10:00', { v1: 5000, v2: 5000 }),
    rollback('11:00', 'v2', 'v1'),
    flag('12:00', 'v2', { until: '10:30' }),
  ],
  inferences: [
    { at: '10:10', inference_id: 'a', release: 'v2', agent_id: 'A' },
    { at: '10:20', inference_id: 'b', release: 'v2' },
    { at: '11:10', inference_id: 'stale', release: 'v2' },
    { at: '09:10', inference_id: 'premature', release: 'v2' },
    { at: '10:30', inference_id: 'unsure' },
    { at: '08:00', inference_id: 'nothing' },
  ],
  proofs: [
    { at: '10:11', proof_id: 'q1', inference_id: 'a', path: 'TEE', state: 'VERIFIED' },
    { at: '11:11', proof_id: 'q2', inference_id: 'stale', path: 'ZKML', state: 'SUBMITTED' },
  ],
  payments: [
    { at: '10:15', payment_id: 'p1', amount: 4, allocations: [{ inference_id: 'a' }] },
    { at: '11:15', payment_id: 'p2', amount: 8, allocations: [{ inference_id: 'b' }, { inference_id: 'unsure' }] },
  ],
  agents: [{ at: '10:20', agent_id: 'A', before_digest: 'd0' }],
};

describe('the windows of a model', () => {
  it('come by (from, release), one for each activation', () => {
    const windows = windowsOf(trailOf(STORY), 'm');
    expect(windows.map(({ activation, flagged }) => [activation.release, activation.number, flagged])).toEqual([
      ['v1', 1, false],
      ['v2', 1, true],
    ]);
  });

  it('count what belongs to the activation, and what may', () => {
    const [v1, v2] = windowsOf(trailOf(STORY), 'm');
    expect(v2?.inferences).toEqual({ active: 2, stale: 1, possible: 1 });
    expect(v1?.inferences).toEqual({ active: 0, stale: 0, possible: 1 });
    expect(Object.fromEntries(v2?.proofs ?? [])).toEqual({ 'TEE verified': 1, none: 1, 'ZKML pending': 1 });
    expect(v2?.agents.changed.map(({ agentId }) => agentId)).toEqual(['A']);
    expect(v2?.payments).toEqual({
      settledWhileActive: ['p1'],
      settledForWork: ['p1', 'p2'],
      possible: [],
      late: ['p2'],
      amount: { work: 8n, possible: 4n, late: 4n },
    });
  });

  it('are what was known then', () => {
    expect(windowsOf(trailOf(STORY, '10:15'), 'm').map(({ activation, flagged }) => [activation.to, flagged])).toEqual([
      [null, false],
      [null, false],
    ]);
    expect(windowsOf(trailOf(STORY), 'another')).toEqual([]);
  });
});
