import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Publisher } from '../../services/alert/publisher.js';
import type { AlertRow } from '../../services/alert/rows.js';
import type { ClickHouse } from '../../services/shared/clickhouse/client.js';
import { alertId } from '../../services/alert/alert-id.js';
import type { AlertState } from '../../services/shared/core/alert-ledger.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import { deploySubjects } from '../../services/shared/kafka/deploy-subjects.js';
import { valueDecoder } from '../../services/shared/kafka/decode.js';
import { schemaSource } from '../../services/shared/kafka/registry.js';
import { scanLog } from '../../services/shared/kafka/scan.js';
import { TestNetwork } from './services.fixture.js';

let network: TestNetwork;
const opened: Publisher[] = [];

beforeAll(async () => {
  network = await TestNetwork.create();
  await deploySubjects(network.config.registry, { prefix: network.config.kafka.topicPrefix });
});

beforeEach(async () => {
  await network.database.command('TRUNCATE TABLE alert_rows');
});

afterAll(async () => {
  await Promise.allSettled(opened.map((one) => one.close()));
  await network.close();
});

function publisher(database: Pick<ClickHouse, 'select' | 'insert'> = network.database): Publisher {
  const made = new Publisher(network.config, network.config.kafka, database);
  opened.push(made);
  return made;
}

function alert(subject: string, ...states: readonly AlertState[]): AlertRow {
  const names = { kind: 'SETTLED_ON_FLAGGED', release: 'v2', subject } as const;
  return {
    alertId: alertId('m', names),
    modelId: 'm',
    ...names,
    severity: null,
    retroactive: false,
    late: false,
    raisedAtMs: states[0]?.atMs ?? 0,
    states,
  };
}

async function writeRow({ modelId, kind, release, subject, alertId: id, raisedAtMs, states }: AlertRow): Promise<void> {
  const told = states.map(({ state, atMs }) => ({ state, changed_at: atMs }));
  const row = { model_id: modelId, kind, release, subject, alert_id: id, raised_at: raisedAtMs, states: told };
  await network.database.insert('alert_rows', [{ ...row, retroactive: false, late: false, void: false, version: '1' }]);
}

/** What the topic holds, in its order: subject, state and time of each message. */
async function topic(): Promise<string[]> {
  const { kafka, registry } = network.config;
  const name = `${kafka.topicPrefix}backtrail.alerts.v1`;
  const offsets = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(name));
  const decoder = valueDecoder('alerts', schemaSource(registry));
  const values: (Buffer | null)[] = [];
  for (const { partition, high } of offsets) {
    await scanLog(kafka, { topic: name, partition, from: 0n, to: BigInt(high) }, ({ value }) => {
      values.push(value);
      return 'more';
    });
  }
  await decoder.prepare(values);
  return values.flatMap((value) => {
    const decoded = decoder.decode(value);
    if (!('ok' in decoded)) return [];
    const { subject, state, changed_at: changedAt } = decoded.ok;
    return [`${subject} ${state} ${String(changedAt / 1000)}`];
  });
}

async function topicOf(subject: string): Promise<string[]> {
  return (await topic()).filter((line) => line.startsWith(`${subject} `));
}

const firing = (atMs: number): AlertState => ({ state: 'firing', atMs });
const resolved = (atMs: number): AlertState => ({ state: 'resolved', atMs });

describe('the topic of alerts', () => {
  it('has every state once, in its order, however often it is asked for', async () => {
    const one = publisher();
    await one.publish([]);
    expect(await one.publish([alert('a', firing(1000))])).toBe(1);
    expect(await one.publish([alert('a', firing(1000))])).toBe(0);
    expect(await one.publish([alert('a', firing(1000), resolved(2000), firing(3000))])).toBe(2);
    expect(await topicOf('a')).toEqual(['a firing 1000', 'a resolved 2000', 'a firing 3000']);
    const rows = await network.select<{ partition: number; offset: string }>('SELECT * FROM alert_messages');
    expect(new Set(rows.map(({ partition, offset }) => `${partition} ${offset}`)).size).toBe(rows.length);
  });

  it('is added nothing by whoever takes the place later, and gets what the one before did not send', async () => {
    await writeRow(alert('b', firing(1000)));
    await writeRow(alert('c', firing(1000), resolved(4000)));
    expect(await publisher().publish([])).toBe(3);
    expect(await publisher().publish([])).toBe(0);
    expect(await topicOf('b')).toEqual(['b firing 1000']);
  });

  it('says again what holds now, when a correction of the past is sent after it', async () => {
    const one = publisher();
    await one.publish([]);
    await one.publish([alert('d', firing(2000), resolved(3000))]);
    await one.publish([alert('d', firing(1000), resolved(3000))]);
    expect(await topicOf('d')).toEqual(['d firing 2000', 'd resolved 3000', 'd firing 1000', 'd resolved 3000']);
    await one.publish([alert('e', firing(2000))]);
    await one.publish([{ ...alert('e'), raisedAtMs: 2000 }]);
    expect(await topicOf('e')).toEqual(['e firing 2000', 'e resolved 2000']);
  });

  it('is read back after a crash between sending and writing it down', async () => {
    let fails = true;
    const database: Pick<ClickHouse, 'select' | 'insert'> = {
      select: (sql, params) => network.database.select(sql, params),
      insert: (table, rows) => {
        if (fails && table === 'alert_message_rows' && rows.length > 0) return Promise.reject(new Error('gone'));
        return network.database.insert(table, rows);
      },
    };
    const one = publisher(database);
    await one.publish([]);
    await writeRow(alert('f', firing(1000)));
    await expect(one.publish([alert('f', firing(1000))])).rejects.toThrow('gone');
    expect(one.hasPlace).toBe(false);
    fails = false;
    expect(await one.publish([])).toBe(0);
    expect(await topicOf('f')).toEqual(['f firing 1000']);
  });

  it('refuses one that has lost its place', async () => {
    const [zombie, heir] = [publisher(), publisher()];
    await zombie.publish([]);
    await heir.publish([]);
    await expect(zombie.publish([alert('g', firing(1000))])).rejects.toMatchObject({ code: 'KAFKA_GROUP_MOVED' });
    expect(await heir.publish([alert('g', firing(1000))])).toBe(1);
    expect(await topicOf('g')).toEqual(['g firing 1000']);
  });
});
