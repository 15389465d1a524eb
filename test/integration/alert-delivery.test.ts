import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runDelivery } from '../../services/alert/deliver.js';
import type { Receiver } from '../../services/alert/receivers.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, emptyDatabase, migrate, tableStatements } from '../../services/shared/clickhouse/migrate.js';
import { now, sleep } from '../../services/shared/clock.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import { alertId } from '../../services/alert/alert-id.js';
import type { AlertState } from '../../services/shared/core/alert-ledger.js';
import { BacktrailError } from '../../services/shared/errors.js';
import { createLog } from '../../services/shared/log.js';
import { createMetrics } from '../../services/shared/metrics.js';
import { valuesIn } from './metrics.fixture.js';
import { serverEnv } from './servers.fixture.js';
import { waitUntil } from './services.fixture.js';
import { garbage, hangUp, silence, status, WebhookReceiver } from './webhook-receiver.fixture.js';

/** Real HTTP and a real database; alerts are written as the alert service writes them. */

const T0_MS = Date.parse('2026-03-10T10:00:00.000Z');
/** Long enough to be sure that nothing more comes. */
const QUIET_MS = 1_500;
const LONG_MS = 120_000;

let config: Config;
let database: ClickHouse;
let tables: ReadonlyMap<string, string>;
let version = 0;
let hook: WebhookReceiver;
const running = new Set<() => Promise<void>>();

beforeAll(async () => {
  config = loadConfig({ ...serverEnv(), CLICKHOUSE_DATABASE: `delivery_test_${process.pid}` });
  await migrate(config.clickhouse);
  database = connectClickHouse(config.clickhouse);
  tables = await tableStatements(database);
});

beforeEach(async () => {
  hook = await new WebhookReceiver().open();
});

afterEach(async () => {
  await Promise.all([...running].map((stop) => stop()));
  await hook.close();
  await emptyDatabase(database, tables);
});

afterAll(async () => {
  await database.close();
  await dropDatabase(config.clickhouse);
});

interface Given {
  readonly subject: string;
  readonly states: readonly AlertState[];
  readonly release?: string;
  readonly severity?: string | null;
  readonly void?: boolean;
}

const firing = (minute = 0): AlertState => ({ state: 'firing', atMs: T0_MS + minute * 60_000 });
const resolved = (minute: number): AlertState => ({ state: 'resolved', atMs: T0_MS + minute * 60_000 });

async function write(...alerts: readonly Given[]): Promise<void> {
  version += 1;
  await database.insert(
    'alert_rows',
    alerts.map(({ subject, states, release = 'v2', severity = null, void: isVoid = false }) => {
      const alert = { kind: 'SETTLED_ON_FLAGGED' as const, release, subject };
      return {
        ...alert,
        model_id: 'm',
        alert_id: alertId('m', alert),
        raised_at: states[0]?.atMs ?? T0_MS,
        retroactive: true,
        late: false,
        severity,
        states: states.map(({ state, atMs }) => ({ state, changed_at: atMs })),
        void: isVoid,
        version,
      };
    }),
  );
}

function receiver(over: Partial<Receiver> = {}): Receiver {
  return {
    name: 'pager',
    url: hook.url,
    severities: null,
    kinds: null,
    models: null,
    isDefault: false,
    headers: { authorization: 'Bearer of secrets' },
    maxAlerts: 100,
    groupWaitMs: 0,
    groupIntervalMs: 100,
    repeatIntervalMs: null,
    sendResolved: true,
    timeoutMs: 500,
    ...over,
  };
}

/** Returns what stops it, as a signal stops the service. */
function deliver(receivers: readonly Receiver[], into: Pick<ClickHouse, 'select' | 'insert'> = database) {
  const ending = new AbortController();
  const metrics = createMetrics('alert');
  const ended = runDelivery({
    database: into,
    receivers: { receivers, externalUrl: 'https://trail.example', runbookUrl: 'https://runbook.example/' },
    retry: { initialMs: 20, maxMs: 200, signal: ending.signal },
    metrics,
    log: createLog('silent'),
    signal: ending.signal,
  });
  ended.catch(() => undefined);
  const stop = async (): Promise<void> => {
    running.delete(stop);
    ending.abort();
    await ended;
  };
  running.add(stop);
  return { stop, metrics, ended };
}

async function told(...expected: readonly string[]): Promise<void> {
  await waitUntil(`the receiver is told ${expected.join(', ')}`, () =>
    Promise.resolve(hook.told.length >= expected.length),
  );
  expect(hook.told).toEqual(expected);
}

async function outcomes(name = 'pager'): Promise<string[]> {
  const rows = await database.select<{ subject: string; state: string; outcome: string }>(
    `SELECT subject, state, outcome FROM alert_deliveries WHERE receiver = {name:String}
     ORDER BY subject, changed_at, state, outcome`,
    { name },
  );
  return rows.map(({ subject, state, outcome }) => `${subject} ${state} ${outcome}`);
}

async function untilOutcomes(...expected: readonly string[]): Promise<void> {
  await waitUntil(`the outcomes are ${expected.join(', ')}`, async () => (await outcomes()).length >= expected.length);
  expect(await outcomes()).toEqual(expected);
}

describe('a receiver of alerts', () => {
  it('is told of each state once, in the shape of Alertmanager, and of nothing again after a restart', async () => {
    const { stop } = deliver([receiver()]);
    await write({ subject: 'p1', states: [firing()], severity: 'critical' });
    await told('p1 firing');
    await write({ subject: 'p1', states: [firing(), resolved(5)], severity: 'critical' });
    await told('p1 firing', 'p1 resolved');
    await untilOutcomes('p1 firing delivered', 'p1 resolved delivered');
    const [first, second] = hook.received;
    expect(first?.headers).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer of secrets' });
    expect(first?.body).toMatchObject({
      version: '4',
      status: 'firing',
      receiver: 'pager',
      groupLabels: { model_id: 'm', release: 'v2' },
      alerts: [{ startsAt: '2026-03-10T10:00:00.000Z', endsAt: '0001-01-01T00:00:00Z' }],
    });
    expect(second?.body).toMatchObject({
      status: 'resolved',
      groupKey: first?.body.groupKey,
      alerts: [{ startsAt: '2026-03-10T10:00:00.000Z', endsAt: '2026-03-10T10:05:00.000Z' }],
    });
    expect(first?.key).toMatch(/^[0-9a-f]{64}$/);
    expect(second?.key).not.toBe(first?.key);
    await stop();
    deliver([receiver()]);
    await sleep(QUIET_MS);
    expect(hook.received.length).toBe(2);
  });

  it(
    'gets one notification for ten thousand payments, and one more for what came while it waited',
    { timeout: LONG_MS },
    async () => {
      const many = Array.from({ length: 10_000 }, (_, i): Given => ({ subject: `p${i}`, states: [firing()] }));
      await write(...many.slice(0, 6_000));
      const { metrics } = deliver([receiver({ groupWaitMs: 200, groupIntervalMs: 3_000, maxAlerts: 10 })]);
      await waitUntil('it is told', () => Promise.resolve(hook.received.length > 0));
      await write(...many.slice(6_000));
      await waitUntil('all are decided on', async () => (await outcomes()).length === 10_000);
      expect(hook.received.length).toBeLessThanOrEqual(3);
      const listed = hook.received.map(({ body }) => body.alerts.length);
      const all = hook.received.map(({ body }) => body.alerts.length + body.truncatedAlerts);
      expect(listed.every((count) => count === 10)).toBe(true);
      expect(all.reduce((sum, count) => sum + count, 0)).toBe(10_000);
      const counted = (await outcomes()).filter((outcome) => outcome.endsWith('counted'));
      expect(counted.length).toBe(10_000 - 10 * hook.received.length);
      expect(await metrics.registry.metrics()).toMatch(/backtrail_pending_alerts\{.*receiver="pager".*\} 0/);
    },
  );

  it('pages for each incident, and says resolved only when nothing of it fires any more', async () => {
    deliver([receiver({ groupIntervalMs: 50 })]);
    await write(
      { subject: 'p1', states: [firing()] },
      { subject: 'p2', states: [firing(1)] },
      { subject: 'p3', states: [firing()], release: 'v3' },
    );
    await waitUntil('both are told', () => Promise.resolve(hook.told.length === 3));
    expect(hook.received.map(({ body }) => body.groupLabels['release']).sort()).toEqual(['v2', 'v3']);
    await write({ subject: 'p1', states: [firing(), resolved(5)] });
    await waitUntil('p1 is resolved', () => Promise.resolve(hook.received.length === 3));
    expect(hook.received[2]?.body).toMatchObject({ status: 'firing', alerts: [{ status: 'resolved' }] });
    await write({ subject: 'p2', states: [firing(1), resolved(6)] });
    await waitUntil('p2 is resolved', () => Promise.resolve(hook.received.length === 4));
    expect(hook.received[3]?.body.status).toBe('resolved');
  });

  it('is told that what it was told was never true; and nothing of what passed before it was due', async () => {
    deliver([receiver({ groupWaitMs: 800 })]);
    await write({ subject: 'p1', states: [firing()] }, { subject: 'p2', states: [firing()] });
    await sleep(500);
    await write({ subject: 'p2', states: [firing(), resolved(1)] });
    await told('p1 firing');
    await write({ subject: 'p1', states: [], void: true });
    await told('p1 firing', 'p1 resolved');
    await untilOutcomes('p1 firing delivered', 'p1 resolved delivered', 'p2 firing superseded');
  });

  it('is told again of what still fires, where it wants to be, until somebody takes it on', async () => {
    deliver([receiver({ repeatIntervalMs: 400 })]);
    await write({ subject: 'p1', states: [firing()] });
    await waitUntil('it is told twice', () => Promise.resolve(hook.received.length >= 2));
    expect(new Set(hook.received.map(({ key }) => key)).size).toBe(hook.received.length);
    const id = alertId('m', { kind: 'SETTLED_ON_FLAGGED', release: 'v2', subject: 'p1' });
    await database.insert('alert_ack_rows', [
      { alert_id: id, action: 'ack', who: 'eve', why: 'mine', handled_at: now() },
    ]);
    await sleep(600);
    const before = hook.received.length;
    await sleep(QUIET_MS);
    expect(hook.received.length).toBe(before);
  });
});

describe('a receiver in trouble', () => {
  it('gets the same under the same name when the service died after the POST', async () => {
    const dying = {
      select: database.select.bind(database),
      insert: (table: string, rows: readonly object[]) =>
        table === 'alert_delivery_rows'
          ? Promise.reject(new BacktrailError('UNKNOWN', 'killed'))
          : database.insert(table, rows),
    };
    await write({ subject: 'p1', states: [firing()] }, { subject: 'p2', states: [firing()] });
    const first = deliver([receiver()], dying);
    await expect(first.ended).rejects.toThrow('killed');
    running.clear();
    deliver([receiver()]);
    await told('p1 firing', 'p2 firing', 'p1 firing', 'p2 firing');
    expect(hook.received[1]?.key).toBe(hook.received[0]?.key);
    expect(hook.received[1]?.body).toEqual(hook.received[0]?.body);
    await untilOutcomes('p1 firing delivered', 'p2 firing delivered');
  });

  it('gets it later: away, silent, garbage, 500, 429 with a time to wait', { timeout: LONG_MS }, async () => {
    hook.replies.push(silence, garbage, hangUp, status(500), status(429, { 'retry-after': '1' }));
    await hook.close();
    const { metrics } = deliver([receiver()]);
    await write({ subject: 'p1', states: [firing()] });
    await sleep(500);
    await hook.open();
    await untilOutcomes('p1 firing delivered');
    expect(hook.received.length).toBe(6);
    expect(new Set(hook.received.map(({ key }) => key)).size).toBe(1);
    expect(await metrics.registry.metrics()).toMatch(/outcome="delivered".*\} 1/);
    const [row] = await database.select<{ attempts: number }>('SELECT attempts FROM alert_deliveries');
    expect(row?.attempts).toBeGreaterThan(6);
  });

  it(
    'that is away is kept so many alerts for, and the rest is read when it is back',
    { timeout: LONG_MS },
    async () => {
      const count = 27_000;
      await hook.close();
      await write(...Array.from({ length: count }, (_, i): Given => ({ subject: `p${i}`, states: [firing()] })));
      const { metrics } = deliver([receiver({ groupIntervalMs: 50, maxAlerts: 1, timeoutMs: 10_000 })]);
      const pending = async () => valuesIn(await metrics.registry.metrics());
      await waitUntil('there is no room for more', async () => (await pending())('pending_alerts', 'pager') >= 20_000);
      await sleep(QUIET_MS);
      const value = await pending();
      expect(value('pending_alerts', 'pager')).toBeLessThan(count);
      expect(value('pending_alerts', 'pager')).toBeLessThanOrEqual(value('pending_max_alerts'));
      await hook.open();
      const decided = "SELECT DISTINCT alert_id FROM alert_delivery_rows WHERE outcome IN ('delivered', 'counted')";
      const all = `SELECT count() AS n FROM (${decided})`;
      await waitUntil('all are told', async () => Number((await database.select<{ n: string }>(all))[0]?.n) === count);
      const told = hook.received.map(({ body }) => body.alerts.length + body.truncatedAlerts);
      expect(told.reduce((sum, n) => sum + n, 0)).toBe(count);
    },
  );

  it('that refuses for good is left alone about that; the reason is kept, its secrets are not', async () => {
    hook.replies.push(status(400, {}, 'no: Bearer of secrets\nis not welcome'));
    deliver([receiver()]);
    await write({ subject: 'p1', states: [firing()] });
    await untilOutcomes('p1 firing given_up');
    const [row] = await database.select<{ reason: string }>('SELECT reason FROM alert_deliveries');
    expect(row?.reason).toBe('status 400: no: *** is not welcome');
    await write({ subject: 'p2', states: [firing()] });
    await untilOutcomes('p1 firing given_up', 'p2 firing delivered');
  });

  it('holds up nobody else', async () => {
    const other = await new WebhookReceiver().open();
    await other.close();
    deliver([receiver({ name: 'away', url: other.url }), receiver()]);
    await write({ subject: 'p1', states: [firing()] });
    await told('p1 firing');
    await write({ subject: 'p2', states: [firing()] });
    await told('p1 firing', 'p2 firing');
    expect(await outcomes('away')).toEqual([]);
  });

  it('waits with everybody else while the database is away', async () => {
    let isAway = true;
    const flaky = {
      select: <T>(sql: string, params = {}) =>
        isAway ? Promise.reject(new BacktrailError('CLICKHOUSE_UNREACHABLE', '')) : database.select<T>(sql, params),
      insert: database.insert.bind(database),
    };
    await write({ subject: 'p1', states: [firing()] });
    deliver([receiver()], flaky);
    await sleep(300);
    isAway = false;
    await told('p1 firing');
  });
});

describe('a silence', () => {
  const silenceRow = (endsInMs: number, action = 'silence') => ({
    silence_id: 's1',
    action,
    model_id: 'm',
    release: 'v2',
    kind: null,
    severity: null,
    until: now() + endsInMs,
    who: 'eve',
    why: 'we know',
    handled_at: now(),
  });

  it('holds back what fires until it ends, and nothing of what is resolved', { timeout: LONG_MS }, async () => {
    await write({ subject: 'p1', states: [firing()] });
    const first = deliver([receiver()]);
    await told('p1 firing');
    await database.insert('alert_silence_rows', [silenceRow(3_600_000)]);
    await sleep(2_500);
    await write({ subject: 'p1', states: [firing(), resolved(1)] }, { subject: 'p2', states: [firing()] });
    await untilOutcomes('p1 firing delivered', 'p1 resolved delivered', 'p2 firing silenced');
    await first.stop();
    await database.insert('alert_silence_rows', [silenceRow(0, 'unsilence')]);
    deliver([receiver()]);
    await told('p1 firing', 'p1 resolved', 'p2 firing');
    await untilOutcomes('p1 firing delivered', 'p1 resolved delivered', 'p2 firing delivered', 'p2 firing silenced');
  });

  it('that held back more than is read at once holds back nothing for ever', { timeout: LONG_MS }, async () => {
    const count = 5_500;
    await database.insert('alert_silence_rows', [silenceRow(3_600_000)]);
    await write(...Array.from({ length: count }, (_, i): Given => ({ subject: `p${i}`, states: [firing()] })));
    deliver([receiver({ maxAlerts: 1, timeoutMs: 10_000 })]);
    await waitUntil('all are held back', async () => (await outcomes()).length === count);
    await database.insert('alert_silence_rows', [silenceRow(0, 'unsilence')]);
    await waitUntil('all are told', async () => (await outcomes()).length === count * 2);
    const told = hook.received.map(({ body }) => body.alerts.length + body.truncatedAlerts);
    expect(told.reduce((sum, n) => sum + n, 0)).toBe(count);
  });

  it('of another release holds back nothing, and one ends by itself', { timeout: LONG_MS }, async () => {
    await database.insert('alert_silence_rows', [silenceRow(3_000)]);
    deliver([receiver()]);
    await write({ subject: 'p1', states: [firing()] }, { subject: 'p2', states: [firing()], release: 'v3' });
    await told('p2 firing');
    expect(await outcomes()).toContain('p1 firing silenced');
    await told('p2 firing', 'p1 firing');
  });
});
