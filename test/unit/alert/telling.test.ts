import { describe, expect, it } from 'vitest';
import { dueAtMs, inOrder, notificationId, type Group } from '../../../services/alert/group.js';
import { neededState, type Decided, type Outcome } from '../../../services/alert/needed.js';
import { groupKey, webhookBody } from '../../../services/alert/payload.js';
import { parseReceivers } from '../../../services/alert/receivers.js';
import type { AlertRow } from '../../../services/alert/rows.js';
import { silenceOf, type Silence } from '../../../services/alert/silence.js';
import { retryAfterMs } from '../../../services/alert/webhook.js';
import { askCommand, wordsOf } from '../../../services/alert/words.js';
import { now } from '../../../services/shared/clock.js';
import type { AlertState } from '../../../services/shared/core/alert-ledger.js';

const T0_MS = Date.parse('2026-03-10T10:00:00.000Z');
const firing = (ms: number): AlertState => ({ state: 'firing', atMs: T0_MS + ms });
const resolved = (ms: number): AlertState => ({ state: 'resolved', atMs: T0_MS + ms });

function alert(over: Partial<AlertRow> = {}): AlertRow {
  return {
    alertId: 'ab'.repeat(32),
    modelId: 'm',
    kind: 'SETTLED_ON_FLAGGED',
    release: 'v2',
    subject: 'p1',
    severity: 'critical',
    retroactive: true,
    late: false,
    raisedAtMs: T0_MS,
    states: [firing(0)],
    ...over,
  };
}

describe('a receiver is still to be told', () => {
  const became = (state: AlertState, outcome: Outcome, decidedAtMs = 1): Decided => ({
    ...state,
    outcome,
    decidedAtMs,
  });
  const table: [string, AlertState[], Decided[], AlertState | null][] = [
    ['what fires', [firing(0)], [], firing(0)],
    ['nothing that it was told', [firing(0)], [became(firing(0), 'delivered')], null],
    ['nothing that was in the number of the rest', [firing(0)], [became(firing(0), 'counted')], null],
    ['nothing that it refused', [firing(0)], [became(firing(0), 'given_up')], null],
    ['nothing that is silenced', [firing(0)], [became(firing(0), 'silenced')], null],
    ['not of what passed before it was told', [firing(0), resolved(1)], [], null],
    ['not that what it refused is resolved', [firing(0), resolved(1)], [became(firing(0), 'given_up')], null],
    ['that what it was told is resolved', [firing(0), resolved(1)], [became(firing(0), 'delivered')], resolved(1)],
    [
      'nothing more once it knows',
      [firing(0), resolved(1)],
      [became(firing(0), 'delivered'), became(resolved(1), 'delivered', 2)],
      null,
    ],
    ['that it fires again', [firing(0), resolved(1), firing(2)], [became(firing(0), 'delivered')], firing(2)],
    ['once that it fires, of what nobody was told', [firing(0), resolved(1), firing(2)], [], firing(2)],
    ['nothing when only since when it fires is corrected', [firing(5)], [became(firing(0), 'delivered')], null],
    ['that what it was told was never true', [], [became(firing(0), 'delivered')], resolved(0)],
    ['nothing of what was never true', [], [], null],
  ];

  it.each(table)('%s', (_what, states, decided, expected) => {
    expect(neededState(alert({ states }), decided, { sendResolved: true })).toEqual(expected);
  });

  it('no resolutions if it wants none', () => {
    const states = [firing(0), resolved(1)];
    expect(neededState(alert({ states }), [became(firing(0), 'delivered')], { sendResolved: false })).toBeNull();
  });
});

describe('an incident is due', () => {
  const [receiver] = parseReceivers(
    'receivers: [{name: a, url: http://a, group_wait: 2s, group_interval: 1m, repeat_interval: 1h}]',
    'f',
  ).receivers;
  const group = (sentMs: number | null, sinceMs: number | null): Group => {
    const item = { alert: alert(), told: firing(0), writtenAtMs: 0, heldUntilMs: Infinity };
    const pending = new Map(sinceMs === null ? [] : [['x', item]]);
    return { modelId: 'm', release: 'v2', pending, sinceMs: sinceMs ?? 0, sentMs, attempts: 0 };
  };
  const NOW_MS = 10_000_000;

  it.each([
    ['a while after the first alert', null, NOW_MS, NOW_MS + 2_000],
    ['not sooner than an interval after the last time', NOW_MS - 10_000, NOW_MS, NOW_MS + 50_000],
    ['at once when that is long ago', NOW_MS - 100_000, NOW_MS - 2_000, NOW_MS],
    ['again when nothing new came for long', NOW_MS, null, NOW_MS + 3_600_000],
    ['never when nobody was told and nothing is new', null, null, Infinity],
    ['as if now, after a clock was set back', NOW_MS + 1e9, NOW_MS + 1e9, NOW_MS + 60_000],
  ])('%s', (_what, sentMs, sinceMs, expected) => {
    if (receiver === undefined) throw new Error('no receiver');
    expect(dueAtMs(group(sentMs, sinceMs), receiver, NOW_MS)).toBe(expected);
  });

  it('under a name of what it tells, in whatever order', () => {
    const item = (alertId: string, told: AlertState) => ({
      alert: alert({ alertId }),
      told,
      writtenAtMs: 0,
      heldUntilMs: Infinity,
    });
    const [a, b] = [item('a', firing(0)), item('b', resolved(1))];
    const of = (items: (typeof a)[], repeats: number | null = null) =>
      notificationId('r', group(null, 0), { items, repeats });
    expect(of([a, b])).toBe(of([b, a]));
    expect(new Set([of([a]), of([a, b]), of([a], 5), of([item('a', firing(1))])]).size).toBe(4);
    expect(inOrder([b, a]).map(({ alert: { alertId } }) => alertId)).toEqual(['a', 'b']);
  });
});

describe('a notification', () => {
  const links = { externalUrl: 'https://trail.example/x', runbookUrl: 'runbook.md' };

  it('is what Alertmanager sends', () => {
    const listed = [
      { alert: alert(), told: firing(0) },
      {
        alert: alert({ alertId: 'cd'.repeat(32), subject: 'p 2', states: [firing(0), resolved(60_000)], late: true }),
        told: resolved(60_000),
      },
    ];
    const about = { receiver: 'pager', modelId: 'm', release: 'v2', status: 'firing', listed, truncated: 7 } as const;
    expect(webhookBody(about, links)).toEqual({
      version: '4',
      groupKey: '{}:{model_id="m", release="v2"}',
      truncatedAlerts: 7,
      status: 'firing',
      receiver: 'pager',
      groupLabels: { model_id: 'm', release: 'v2' },
      commonLabels: {
        alertname: 'SETTLED_ON_FLAGGED',
        model_id: 'm',
        release: 'v2',
        retroactive: 'true',
        severity: 'critical',
      },
      commonAnnotations: { runbook_url: 'runbook.md#alert-settled_on_flagged' },
      externalURL: 'https://trail.example/x',
      alerts: [
        {
          status: 'firing',
          labels: {
            alertname: 'SETTLED_ON_FLAGGED',
            alert_id: 'ab'.repeat(32),
            model_id: 'm',
            release: 'v2',
            subject: 'p1',
            retroactive: 'true',
            late: 'false',
            severity: 'critical',
          },
          annotations: {
            summary: 'Payment p1 settled for work of the flagged release v2 of m; it was flagged after the settlement.',
            look_at: 'backtrail ask payment p1\nbacktrail ask payments m v2\nbacktrail ask incident m v2',
            runbook_url: 'runbook.md#alert-settled_on_flagged',
          },
          startsAt: '2026-03-10T10:00:00.000Z',
          endsAt: '0001-01-01T00:00:00Z',
          generatorURL: `https://trail.example/x/alerts/${'ab'.repeat(32)}`,
          fingerprint: 'abababababababab',
        },
        expect.objectContaining({
          status: 'resolved',
          startsAt: '2026-03-10T10:00:00.000Z',
          endsAt: '2026-03-10T10:01:00.000Z',
          annotations: expect.objectContaining({
            look_at: expect.stringContaining("backtrail ask payment 'p 2'\n") as string,
          }) as object,
        }),
      ],
    });
  });

  it('cannot be forged by ids: each is one word of a command, one value of a key', () => {
    expect(askCommand('payment', "a'; rm -rf / #")).toBe(String.raw`backtrail ask payment 'a'\''; rm -rf / #'`);
    expect(askCommand('payment', '-x')).toBe('backtrail ask payment -- -x');
    expect(askCommand('agents', '-m', 'v2', '--activation', '1')).toBe('backtrail ask agents --activation 1 -- -m v2');
    expect(groupKey('a", release="b', 'c')).not.toBe(groupKey('a', 'b", release="c'));
  });

  it.each(['SETTLED_ON_FLAGGED', 'FLAGGED_REACTIVATED', 'STALE_SERVING'] as const)('says %s in a sentence', (kind) => {
    const { summary, commands } = wordsOf(alert({ kind, subject: '1' }), '');
    expect(summary).toMatch(/^[A-Z].*v2 of m.*\.$/);
    expect(commands.every((command) => command.startsWith('backtrail ask '))).toBe(true);
    expect(wordsOf(alert({ kind, states: [] }), '').summary).toContain('never');
  });

  it('is sent again when the receiver says so, and not in a year', () => {
    expect(retryAfterMs(null)).toBe(0);
    expect(retryAfterMs('7')).toBe(7_000);
    expect(retryAfterMs('99999999')).toBe(3_600_000);
    expect(retryAfterMs('when I am ready')).toBe(0);
    const inAMinute = retryAfterMs(new Date(now() + 60_000).toUTCString());
    expect(inAMinute).toBeGreaterThan(50_000);
    expect(inAMinute).toBeLessThanOrEqual(60_000);
  });
});

describe('a silence', () => {
  const silence = (over: Partial<Silence> = {}): Silence => ({
    id: 's',
    modelId: 'm',
    release: null,
    kind: null,
    severity: null,
    fromMs: 10,
    endMs: 20,
    ...over,
  });

  it.each([
    ['of its model', silence(), 10, true],
    ['from its beginning', silence(), 9, false],
    ['to its end', silence(), 20, false],
    ['not of another model', silence({ modelId: 'n' }), 15, false],
    ['of its release', silence({ release: 'v2' }), 15, true],
    ['not of another release', silence({ release: 'v3' }), 15, false],
    ['not of another kind', silence({ kind: 'STALE_SERVING' }), 15, false],
    ['not of another severity', silence({ severity: 'low' }), 15, false],
    ['of all that it names', silence({ release: 'v2', kind: 'SETTLED_ON_FLAGGED', severity: 'critical' }), 15, true],
  ])('holds back an alert %s', (_what, one, atMs, expected) => {
    expect(silenceOf(alert(), [one], atMs) !== null).toBe(expected);
  });
});
