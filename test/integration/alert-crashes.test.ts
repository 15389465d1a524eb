import { afterAll, beforeAll, expect, it } from 'vitest';
import { Publisher } from '../../services/alert/publisher.js';
import { Watch } from '../../services/alert/watch.js';
import { recordsOf } from '../../services/scenario/core-engine.js';
import { parseScenario } from '../../services/scenario/parse.js';
import type { ClickHouse } from '../../services/shared/clickhouse/client.js';
import type { Records } from '../../services/shared/core/trail.js';
import { deploySubjects } from '../../services/shared/kafka/deploy-subjects.js';
import { applyPart, only, STREAMS, type AnyFact } from './part-of-story.fixture.js';
import { TestNetwork } from './services.fixture.js';

/** Steps at which the service dies: before one of its calls to ClickHouse, or after it was carried out. */
const CRASHES = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89];
const STEPS = ['release', 'flag', 'inference', 'payment'] as const;
const NEVER = new AbortController().signal;

let network: TestNetwork;

beforeAll(async () => {
  network = await TestNetwork.create();
  await deploySubjects(network.config.registry, { prefix: network.config.kafka.topicPrefix });
});

afterAll(async () => {
  await network.close();
});

function permutations<T>(values: readonly T[]): T[][] {
  if (values.length < 2) return [[...values]];
  return values.flatMap((first, i) =>
    permutations([...values.slice(0, i), ...values.slice(i + 1)]).map((rest) => [first, ...rest]),
  );
}

const ORDERS = permutations(STEPS);
const CLOCK = ['11:00', '11:10', '11:20', '11:30'];

/** A model for each order in which its four records are appended. */
function everyOrder(): Records {
  const record = (model: string, step: (typeof STEPS)[number], arrives: string): string => {
    const at = `at: "10:0${String(STEPS.indexOf(step))}", arrives: "${arrives}"`;
    return {
      release: `{topic: releases, ${at}, model_id: ${model}, action: TRAFFIC_SET, traffic: {v2: 10000}}`,
      flag: `{topic: releases, ${at}, model_id: ${model}, action: FLAGGED, release: v2, flag_id: f, severity: high}`,
      inference: `{topic: inferences, ${at}, inference_id: i${model}, model_id: ${model}}`,
      payment: `{topic: payments, ${at}, payment_id: p${model}, state: SETTLED, allocations: [{inference_id: i${model}}]}`,
    }[step];
  };
  const lines = CLOCK.flatMap((clock, i) =>
    ORDERS.map((order, n) => `  - ${record(`m${String(n)}`, order[i] as (typeof STEPS)[number], clock)}`),
  );
  const text = ['name: orders', 'day: 2026-03-10', 'records:', ...lines, 'expect: []'].join('\n');
  return recordsOf(parseScenario('orders.yaml', text));
}

class Crash extends Error {}

/** Dies at one of the calls. */
function dying(database: ClickHouse, at: number, carriedOut: boolean): Pick<ClickHouse, 'select' | 'insert'> {
  let calls = 0;
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    const dies = calls === at;
    calls += 1;
    if (!dies) return work();
    if (carriedOut) await work();
    throw new Crash();
  };
  return {
    select: (sql, params) => call(() => database.select(sql, params)),
    insert: (table, rows) => call(() => database.insert(table, rows)),
  };
}

/** One life of the service. True when it lived. */
async function live(database: Pick<ClickHouse, 'select' | 'insert'>): Promise<boolean> {
  const publisher = new Publisher(network.config, network.config.kafka, database);
  try {
    await publisher.publish([]);
    for await (const rows of new Watch(database).pass(NEVER)) await publisher.publish(rows);
    return true;
  } catch (error) {
    if (error instanceof Crash) return false;
    throw error;
  } finally {
    await publisher.close();
  }
}

it('is raised and sent exactly once, in every order of release, flag, inference and payment, whenever the service dies', async () => {
  const records = everyOrder();
  const facts = STREAMS.flatMap((stream) => records[stream] as readonly AnyFact[]);
  const times = [...new Set(facts.map(({ position }) => position.appendedAtMs))].sort((a, b) => a - b);
  let crashes = 0;
  for (const ms of times) {
    const known = new Set(facts.filter(({ position }) => position.appendedAtMs <= ms));
    await applyPart(network.database, only(records, known), records);
    for (const [i, at] of CRASHES.entries()) {
      if (!(await live(dying(network.database, at, i % 2 === 1)))) crashes += 1;
    }
    expect(await live(network.database)).toBe(true);
  }
  expect(crashes).toBeGreaterThan(times.length * 5);

  const rows = await network.select<{ model_id: string; subject: string; state: string; severity: string }>(
    "SELECT model_id, subject, state, severity FROM alerts WHERE kind = 'SETTLED_ON_FLAGGED' ORDER BY model_id",
  );
  const models = ORDERS.map((_, n) => `m${String(n)}`).sort();
  expect(rows).toEqual(
    models.map((model) => ({ model_id: model, subject: `p${model}`, state: 'firing', severity: 'high' })),
  );
  const messages = await network.select<{ n: string; ids: string }>(
    'SELECT count() AS n, uniqExact(alert_id) AS ids FROM alert_messages WHERE alert_id IN (SELECT alert_id FROM alerts)',
  );
  const all = await network.count('SELECT alert_id FROM alerts');
  expect(messages).toEqual([{ n: String(all), ids: String(all) }]);
}, 180_000);
