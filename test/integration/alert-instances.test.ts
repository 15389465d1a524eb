import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { topicName } from '../../schemas/topics.js';
import type { AlertRecord } from '../../schemas/types.generated.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import { valueDecoder } from '../../services/shared/kafka/decode.js';
import { deploySubjects } from '../../services/shared/kafka/deploy-subjects.js';
import { schemaSource } from '../../services/shared/kafka/registry.js';
import { scanLog } from '../../services/shared/kafka/scan.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { Child } from '../bench/child.js';
import { inferenceRecord, minute, paymentRecord, releaseRecord, traffic } from '../unit/runtime/records.fixture.js';
import { metricsAt } from './metrics.fixture.js';
import { TestNetwork, waitUntil } from './services.fixture.js';
import { WebhookReceiver, type Received } from './webhook-receiver.fixture.js';

/**
 * The whole path, from the topics to receivers of webhooks, with two instances of the alert service, of which one leads:
 *
 *   a  leads ── sends ─╳
 *   b  stands by ───────── leads ── tells pager ─╳
 *   c                      stands by ────────────── leads ── tells archive ─╳
 *   d                                               stands by ──────────────── leads
 */
const MODELS = ['m1', 'm2'];
const PAID = 20;
/** Of the second model so many come back; the flag of the first one is withdrawn. */
const REVERSED = 5;
const NEVER_ENDED = '0001-01-01T00:00:00Z';

interface Instance {
  readonly name: string;
  readonly child: Child;
  readonly port: number;
}

let network: TestNetwork;
let folder: string;
const pager = new WebhookReceiver();
const archive = new WebhookReceiver();
const living: Instance[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'backtrail-alerts-'));
  network = await TestNetwork.create({ SESSION_TIMEOUT_MS: '6000', RETRY_MAX_MS: '300' });
  await deploySubjects(network.config.registry, { prefix: network.config.kafka.topicPrefix });
  // Their ports are known from here on; nobody answers there yet.
  for (const receiver of [pager, archive]) await (await receiver.open()).close();
  await network.start('releases', 'inferences', 'proofs', 'agents', 'payments');
});

afterAll(async () => {
  await Promise.all(living.map(({ child }) => child.stop()));
  await Promise.all([pager.close(), archive.close()]);
  await network.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What it sends says that it was it. */
async function start(name: string): Promise<void> {
  const receiver = (one: WebhookReceiver, title: string): string =>
    `  - {name: ${title}, url: '${one.url}', group_wait: 0s, group_interval: 100ms, headers: {x-instance: ${name}}}`;
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, `receivers:\n${receiver(pager, 'pager')}\n${receiver(archive, 'archive')}\n`);
  const main = join(packageRoot(), 'services', 'alert', 'main.ts');
  const env = { ...process.env, ...network.env, PORT: '0', LOG_LEVEL: 'info', ALERT_RECEIVERS_FILE: file };
  const child = new Child([process.execPath, '--import', 'tsx', main], env);
  const line = await child.line((one) => one.includes('"ready"'));
  living.push({ name, child, port: (JSON.parse(line) as { port: number }).port });
}

function kill({ child }: Instance): void {
  process.kill(child.pid, 'SIGKILL');
  living.splice(
    living.findIndex((one) => one.child === child),
    1,
  );
}

/** The instance of which a metric says so. */
async function instanceWith(what: string, isIt: (port: number) => Promise<boolean>): Promise<Instance> {
  let found: Instance | undefined;
  await waitUntil(what, async () => {
    for (const instance of living) if (await isIt(instance.port)) found = instance;
    return found !== undefined;
  });
  return found as Instance;
}

/** The one that leads, once it has so many states of alerts to tell each receiver. */
function leaderWith(pending: number): Promise<Instance> {
  return instanceWith(`${pending} states wait for both receivers`, async (port) => {
    const value = await metricsAt(port);
    return value('pending_alerts', 'pager') === pending && value('pending_alerts', 'archive') === pending;
  });
}

async function topic(): Promise<AlertRecord[]> {
  const { kafka, registry } = network.config;
  const name = topicName('alerts', kafka.topicPrefix);
  const values: (Buffer | null)[] = [];
  for (const { partition, high } of await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(name))) {
    await scanLog(kafka, { topic: name, partition, from: 0n, to: BigInt(high) }, ({ value }) => {
      values.push(value);
      return 'more';
    });
  }
  const decoder = valueDecoder('alerts', schemaSource(registry));
  await decoder.prepare(values);
  return values.flatMap((value) => {
    const decoded = decoder.decode(value);
    return 'ok' in decoded ? [decoded.ok] : [];
  });
}

async function untilSent(states: number): Promise<void> {
  await waitUntil(`the topic has ${states} states`, async () => {
    return (await network.count('SELECT DISTINCT alert_id, state, changed_at FROM alert_messages')) >= states;
  });
}

async function untilDelivered(state: string, count: number): Promise<void> {
  const sql = `SELECT DISTINCT receiver, alert_id FROM alert_deliveries WHERE state = '${state}' AND outcome = 'delivered'`;
  await waitUntil(`${count} are ${state} at both`, async () => (await network.count(sql)) === count * 2);
}

/** What a notification tells: the same is told under the same name, and nothing else is. */
function contentOf({ body }: Received): string {
  return JSON.stringify(body.alerts.map(({ labels, status, startsAt, endsAt }) => [labels, status, startsAt, endsAt]));
}

function repeats(receiver: WebhookReceiver, first: Received): Received[] {
  return receiver.received.filter((one) => one !== first && one.key === first.key);
}

const inferenceOf = (model: string, i: number): string => `${model} i${String(i)}`;
const paymentOf = (model: string, i: number): string => `${model} p${String(i)}`;
const each = <T>(make: (model: string, i: number) => T, models = MODELS, count = PAID): T[] =>
  models.flatMap((model) => Array.from({ length: count }, (_, i) => make(model, i)));

describe('two instances, of which the leading one is killed again and again', () => {
  it('while alerts are sent: the topic has each state once', { timeout: 120_000 }, async () => {
    await Promise.all([start('a'), start('b')]);
    await network.send('releases', [
      ...MODELS.map((model) => traffic(`traffic of ${model}`, minute(0), { v2: 10_000 }, model)),
      ...MODELS.map((model_id) =>
        releaseRecord({
          ...{ event_id: `flag of ${model_id}`, occurred_at: minute(1), model_id, action: 'FLAGGED' },
          ...{ release: 'v2', flag_id: 'f', severity: 'high' },
        }),
      ),
    ]);
    await network.send(
      'inferences',
      each((model, i) => inferenceRecord(inferenceOf(model, i), { model_id: model, occurred_at: minute(2) })),
    );
    await network.send(
      'payments',
      each((model, i) =>
        paymentRecord(paymentOf(model, i), {
          occurred_at: minute(3),
          allocations: [{ inference_id: inferenceOf(model, i), amount: null }],
        }),
      ),
    );
    const leader = await instanceWith('somebody writes alerts', async (port) => {
      return (await metricsAt(port))('written_rows_total', 'alert_rows') > 0;
    });
    kill(leader);
    await start('c');
    await untilSent(MODELS.length * PAID);
    expect((await topic()).map(({ subject, state }) => `${subject} ${state}`).sort()).toEqual(
      each((model, i) => `${paymentOf(model, i)} firing`).sort(),
    );
  });

  it('while a receiver is told what fires: it is told again, under the same name', { timeout: 120_000 }, async () => {
    const leader = await leaderWith(MODELS.length * PAID);
    pager.replies.push(() => {
      kill(leader);
    });
    await Promise.all([pager.open(), archive.open()]);
    await untilDelivered('firing', MODELS.length * PAID);
    const first = pager.received[0] as Received;
    const [again] = repeats(pager, first);
    expect(first.headers['x-instance']).toBe(leader.name);
    expect(again?.headers['x-instance']).not.toBe(leader.name);
    expect(again?.body).toEqual(first.body);
    for (const receiver of [pager, archive]) {
      expect([...new Set(receiver.told)].sort()).toEqual(each((model, i) => `${paymentOf(model, i)} firing`).sort());
      for (const { body } of receiver.received) {
        expect(body.status).toBe('firing');
        expect(body.alerts.every(({ endsAt }) => endsAt === NEVER_ENDED)).toBe(true);
      }
    }
  });

  it(
    'while a receiver is told that it is over: it is told again, and when it ended',
    { timeout: 120_000 },
    async () => {
      await Promise.all([pager.close(), archive.close()]);
      const before = { pager: pager.received.length, archive: archive.received.length };
      await start('d');
      await network.send('releases', [
        releaseRecord({
          ...{ event_id: 'unflagged', occurred_at: minute(5), model_id: 'm1', action: 'UNFLAGGED', flag_id: 'f' },
        }),
      ]);
      await network.send(
        'payments',
        each(
          (model, i) =>
            paymentRecord(paymentOf(model, i), {
              ...{ event_id: `reversal of ${String(i)}`, state: 'REVERSED', occurred_at: minute(6) },
            }),
          ['m2'],
          REVERSED,
        ),
      );
      const over = PAID + REVERSED;
      await untilSent(MODELS.length * PAID + over);
      const leader = await leaderWith(over);
      archive.replies.push(() => {
        kill(leader);
      });
      await Promise.all([pager.open(), archive.open()]);
      await untilDelivered('resolved', over);
      const first = archive.received[before.archive] as Received;
      expect(first.headers['x-instance']).toBe(leader.name);
      expect(repeats(archive, first)[0]?.body).toEqual(first.body);

      const resolved = await network.select<{ subject: string; raised: string; ended: string }>(
        `SELECT subject, toUnixTimestamp64Milli(raised_at) AS raised, toUnixTimestamp64Milli(s.changed_at) AS ended
       FROM alerts INNER JOIN (SELECT alert_id, changed_at FROM alert_states WHERE state = 'resolved') AS s USING alert_id`,
      );
      const iso = (ms: string): string => new Date(Number(ms)).toISOString();
      const expected = new Map(resolved.map(({ subject, raised, ended }) => [subject, [iso(raised), iso(ended)]]));
      expect(expected.size).toBe(over);
      for (const [name, receiver] of Object.entries({ pager, archive })) {
        const told = receiver.received.slice(before[name as keyof typeof before]);
        const alerts = told.flatMap(({ body }) => body.alerts);
        expect(new Set(alerts.map(({ labels }) => labels['subject']))).toEqual(new Set(expected.keys()));
        for (const { labels, status, startsAt, endsAt } of alerts) {
          expect(status).toBe('resolved');
          expect([startsAt, endsAt]).toEqual(expected.get(labels['subject'] ?? ''));
        }
        // Nothing of the first model fires any more, and most of the second does.
        for (const { body } of told)
          expect(body.status).toBe(body.groupLabels['model_id'] === 'm1' ? 'resolved' : 'firing');
      }
    },
  );

  it('each state is in the topic once, each notification is about one incident, and has one name', async () => {
    const states = await topic();
    expect(states).toHaveLength(MODELS.length * PAID + PAID + REVERSED);
    expect(new Set(states.map((one) => `${one.alert_id} ${one.state} ${one.changed_at}`)).size).toBe(states.length);
    for (const { received } of [pager, archive]) {
      const contents = new Map(received.map((one) => [one.key, contentOf(one)]));
      for (const one of received) {
        expect(contents.get(one.key)).toBe(contentOf(one));
        const models = new Set(one.body.alerts.map(({ labels }) => labels['model_id']));
        expect([...models]).toEqual([one.body.groupLabels['model_id']]);
        const ids = new Set(states.map(({ alert_id: id }) => id));
        expect(one.body.alerts.every(({ labels }) => ids.has(labels['alert_id'] ?? ''))).toBe(true);
      }
      expect(new Set(contents.values()).size).toBe(contents.size);
    }
  });
});
