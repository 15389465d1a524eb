import { describe, expect, it } from 'vitest';
import { reportLines } from '../../../services/cli/report-lines.js';
import type { IncidentReport, Report } from '../../../services/demo/incident-report.js';
import { formatAmount } from '../../../services/demo/money.js';

describe('an amount for people', () => {
  it.each([
    ['0', 'OPG', '0 OPG'],
    ['1', 'OPG', '0.000000000000000001 OPG'],
    ['1234500000000000000000', 'OPG', '1,234.5 OPG'],
    ['999999999999999999999999999', 'OPG', '999,999,999.999999999999999999 OPG'],
    [
      '115792089237316195423570985008687907853269984665640564039457584007913129639935',
      'OPG',
      '115,792,089,237,316,195,423,570,985,008,687,907,853,269,984,665,640,564,039,457.584007913129639935 OPG',
    ],
    ['1500000', 'USDC', '1.5 USDC'],
    ['1500', 'XYZ', '1,500 units of XYZ'],
    ['1500', null, '1,500 units'],
  ])('%s of %s is exactly %s', (units, asset, text) => {
    expect(formatAmount(units, asset)).toBe(text);
  });
});

const MANY = Array.from({ length: 7 }, (_, i) => `agent-${i}`);
const INCIDENT: IncidentReport = {
  incident: {
    model: "it's",
    release: 'v2',
    state: 'reopened',
    activations: [1],
    contained_at: '2026-03-10T10:30:00.000Z',
    recovered_at: null,
  },
  served: [
    { activation: 1, phase: 'active', requests: 1200 },
    { activation: 1, phase: 'stale', requests: 3 },
  ],
  blobs: [
    { blob_id: 'B2', requests: 1000 },
    { blob_id: null, requests: 203 },
  ],
  proofs: [
    { state: 'verified', path: 'TEE', requests: 1203 },
    { state: 'none', path: null, requests: 10 },
  ],
  example: {
    inference: 'r5',
    status: 'attributed',
    release: 'v2',
    activation: 1,
    phase: 'stale',
    basis: 'blob',
    findings: ['BLOB_CLAIM_CONFLICT'],
  },
  agents: [
    {
      activation: 1,
      changed: MANY,
      delayed: [],
      persisting: MANY,
      reverted: [],
      relapsed: [],
      unknown: [],
      excluded: [],
      secondary: [],
    },
  ],
  payments: {
    settled_while_active: ['p1'],
    settled_for_work: ['p1', 'p2'],
    possible: [],
    late: ['p2'],
    amount: { work: '2000000000000000000', possible: '0', late: '1000000000000000000' },
  },
  taint: { flagged: true, certain: ['r2', 'r5'], possible: ['r9'], amount: { tainted: '2', possible: '0' } },
  alerts: [
    {
      kind: 'SETTLED_ON_FLAGGED',
      release: 'v2',
      subject: 'p1',
      raised_at: '2026-03-10T11:15:00.000Z',
      state: 'firing',
      retroactive: true,
      late: false,
    },
  ],
};
const REPORT: Report = {
  known_at: '2026-03-10T12:00:00.000Z',
  sent: { releases: 5, inferences: 1213 },
  asset: 'OPG',
  models: [
    {
      model: "it's",
      windows: [
        {
          release: 'v2',
          activation: 1,
          from: '2026-03-10T10:00:00.000Z',
          to: '2026-03-10T10:30:00.000Z',
          undone_by_rollback: true,
          restored: 'v1',
          flagged: true,
        },
      ],
      incidents: [INCIDENT],
    },
  ],
  unknown: {
    ambiguous: 1,
    unattributed: 2,
    pending: 3,
    waiting: 4,
    unattributed_amount: '5',
    dead_letters: [{ topic: 'opengradient.proofs.v1', code: 'INVALID_ID', records: 6 }],
  },
  stages: [{ stage: 'send', ms: 1500, events_per_s: 812.4 }],
  checks: { answers: 10, requests: 1213, differences: [] },
};

describe('the incident report', () => {
  const lines = reportLines(REPORT, (_tone, text) => text);
  const text = lines.join('\n');

  it('answers the five questions, with exact amounts', () => {
    for (const part of [
      '1,200 active (activation 1), 3 stale (activation 1), 1 more could be its work',
      'such as r5: v2 by blob, stale, BLOB_CLAIM_CONFLICT',
      'B2 (1,000), 203 requests carry none',
      '1,203 verified by TEE, 10 without proof',
      'of the changed 7 persist (agent-0, agent-1, agent-2, agent-3, 3 more)',
      '2 settled for its work: 2 OPG',
      '1 of these late: 1 OPG',
      '1  SETTLED_ON_FLAGGED firing retroactive',
      'contained at 2026-03-10T10:30:00.000Z, recovered at -',
      'rollback to v1',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('says what is not known, and what was refused', () => {
    for (const part of [
      '1 requests that several',
      '2 requests without',
      '0.000000000000000005 OPG',
      '6 INVALID_ID in',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('gives commands that a shell takes as they are', () => {
    expect(text).toContain(`backtrail ask payments 'it'\\''s' v2`);
  });

  it('ends with how long it took and whether it is true', () => {
    expect(text).toMatch(/send +1\.50 s +812/);
    expect(lines.at(-1)).toContain('All 10 answers, and the release of all 1,213 requests');
  });

  it('names each difference from the truth', () => {
    const question = { ask: 'taint', model: 'm', release: 'v2' } as const;
    const differences = [{ question, path: 'amount.tainted', expected: '1', actual: '2' }];
    const failed = reportLines({ ...REPORT, checks: { answers: 10, requests: 1, differences } }, (_tone, line) => line);
    expect(failed.at(-1)).toBe('  {"ask":"taint","model":"m","release":"v2"} amount.tainted: expected "1", got "2"');
  });

  it('says so when nothing is flagged', () => {
    const calm = reportLines({ ...REPORT, models: [], checks: null }, (_tone, line) => line);
    expect(calm).toContain('No release is flagged.');
  });
});
