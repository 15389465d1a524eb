import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyOf } from '../../schemas/topics.js';
import { runAlert } from '../../services/alert/service.js';
import { BLANK_RELEASE } from '../../services/demo/blank-release.js';
import { loadConfig } from '../../services/shared/config.js';
import { now } from '../../services/shared/clock.js';
import type { Stream } from '../../services/shared/core/record.js';
import { createLog } from '../../services/shared/log.js';
import { deploySubjects } from '../../services/shared/kafka/deploy-subjects.js';
import { TestNetwork, waitUntil } from './services.fixture.js';

let network: TestNetwork;
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  network = await TestNetwork.create();
  await deploySubjects(network.config.registry, { prefix: network.config.kafka.topicPrefix });
  await network.start('releases', 'inferences', 'proofs', 'payments', 'agents');
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await network.close();
});

function alertService(overrides: Readonly<Record<string, string>> = {}): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const config = loadConfig({ ...network.env, ...overrides });
  const log = createLog('error', { service: 'alert' });
  const ended = runAlert(config, { signal: stopping.signal, log });
  const one = {
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
  running.push(one);
  return one;
}

let events = 0;

async function append(stream: Stream, fields: Readonly<Record<string, unknown>>): Promise<void> {
  events += 1;
  const envelope = { event_id: `e${String(events)}`, occurred_at: now() * 1000, source: 'test', source_ref: null };
  const record = { ...envelope, ...fields };
  await network.sendRaw(stream, [{ key: keyOf(stream, record as never), value: network.encode(stream, record) }]);
}

const releases = (fields: object): Promise<void> => append('releases', { model_id: 'm', ...BLANK_RELEASE, ...fields });
const serves = (id: string): Promise<void> => append('inferences', { inference_id: id, model_id: 'm' });
const pays = (id: string, state: string, inference: string): Promise<void> => {
  const party = '0x0000000000000000000000000000000000000000';
  const paid = { amount: '5', asset: 'OPG', network: 'eip155:8453', payer: party, payee: party };
  return append('payments', {
    payment_id: id,
    state,
    ...paid,
    allocations: [{ inference_id: inference, amount: null }],
  });
};
const bad = { action: 'FLAGGED', release: 'v2', flag_id: 'f', severity: 'high' };

async function alerts(): Promise<string[]> {
  const rows = await network.select<{ kind: string; subject: string; state: string; retroactive: boolean }>(
    'SELECT kind, subject, state, retroactive FROM alerts ORDER BY raised_at, kind, subject',
  );
  return rows.map(({ kind, subject, state, retroactive }) => {
    return `${kind} ${subject} ${state}${retroactive ? ' retroactive' : ''}`;
  });
}

async function messages(): Promise<string[]> {
  const rows = await network.select<{ subject: string; state: string }>(
    `SELECT a.subject AS subject, m.state AS state FROM alert_messages AS m INNER JOIN alerts AS a USING alert_id
     WHERE a.kind = 'SETTLED_ON_FLAGGED' ORDER BY subject, m.partition, m.offset`,
  );
  return rows.map(({ subject, state }) => `${subject} ${state}`);
}

async function untilMessages(...expected: readonly string[]): Promise<void> {
  await waitUntil(`the topic has ${expected.join(', ')}`, async () => {
    return JSON.stringify(await messages()) === JSON.stringify(expected);
  });
}

describe('a settlement on a flagged release', () => {
  it('is an alert, resolved when the flag is withdrawn, and firing again under the same id', async () => {
    alertService();
    await releases({ action: 'TRAFFIC_SET', traffic: { v2: 10_000 } });
    await releases(bad);
    await serves('i1');
    await pays('p1', 'SETTLED', 'i1');
    await untilMessages('p1 firing');
    expect(await alerts()).toEqual(['SETTLED_ON_FLAGGED p1 firing']);
    await releases({ action: 'UNFLAGGED', flag_id: 'f' });
    await untilMessages('p1 firing', 'p1 resolved');
    await releases(bad);
    await untilMessages('p1 firing', 'p1 resolved', 'p1 firing');
    await pays('p1', 'REVERSED', 'i1');
    await untilMessages('p1 firing', 'p1 resolved', 'p1 firing', 'p1 resolved');
  });

  it('is an alert when the flag comes long after, or the inference, and once whatever stops in between', async () => {
    const first = alertService();
    await releases({ action: 'TRAFFIC_SET', traffic: { v2: 10_000 } });
    await serves('i1');
    await pays('p1', 'SETTLED', 'i1');
    await pays('p2', 'SETTLED', 'i2');
    await network.applied({ releases: 1, inferences: 1, payments: 2 });
    await releases(bad);
    await untilMessages('p1 firing');
    await first.stop();
    await serves('i2');
    alertService();
    await untilMessages('p1 firing', 'p2 firing');
    expect(await alerts()).toEqual([
      'SETTLED_ON_FLAGGED p1 firing retroactive',
      'SETTLED_ON_FLAGGED p2 firing retroactive',
    ]);
  });

  it('is sent by one of several instances, and by another when that is gone', async () => {
    const instances = [alertService(), alertService({ KAFKA_CLIENT_ID: 'second' })];
    await releases({ action: 'TRAFFIC_SET', traffic: { v2: 10_000 } });
    await releases(bad);
    await serves('i1');
    await pays('p1', 'SETTLED', 'i1');
    await untilMessages('p1 firing');
    await instances[0]?.stop();
    await pays('p2', 'SETTLED', 'i1');
    await untilMessages('p1 firing', 'p2 firing');
    alertService();
    await instances[1]?.stop();
    await pays('p3', 'SETTLED', 'i1');
    await untilMessages('p1 firing', 'p2 firing', 'p3 firing');
  });
});
