import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AlertRow } from '../../services/alert/rows.js';
import { Watch } from '../../services/alert/watch.js';
import { seededRandom, type Random } from '../../services/demo/random.js';
import { recordsOf } from '../../services/scenario/core-engine.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import { alertId } from '../../services/alert/alert-id.js';
import { alertsOf } from '../../services/shared/core/alerts.js';
import { Trail, type Records } from '../../services/shared/core/trail.js';
import { parseScenario } from '../../services/scenario/parse.js';
import { scenarioText } from '../fuzz/scenario-text.js';
import { randomStory } from '../fuzz/story.js';
import { applyPart, only, STREAMS, type AnyFact } from './part-of-story.fixture.js';
import { serverEnv } from './servers.fixture.js';
import { emptyTables, recordsOfStory } from './story-tables.fixture.js';

const TOLD = [
  'alert-settled-on-flagged',
  'alert-some-flags-earlier',
  'alert-stale-serving',
  'alert-flagged-reactivated',
];
const RANDOM_STORIES = 8;
const STAGES = 4;
const EVERYTHING_MS = Date.UTC(2299, 0);
const NEVER = new AbortController().signal;

let config: Config;
let database: ClickHouse;

beforeAll(async () => {
  config = loadConfig({ ...serverEnv(), CLICKHOUSE_DATABASE: `alert_rows_test_${process.pid}` });
  await migrate(config.clickhouse);
  database = connectClickHouse(config.clickhouse);
});

beforeEach(async () => {
  await emptyTables(database);
  for (const table of ['alert_rows', 'progress_rows']) await database.command(`TRUNCATE TABLE ${table}`);
});

afterAll(async () => {
  await database.close();
  await dropDatabase(config.clickhouse);
});

async function rowsOf(watch: Watch): Promise<AlertRow[]> {
  const rows: AlertRow[] = [];
  for await (const some of watch.pass(NEVER)) rows.push(...some);
  return rows;
}

/** Topics are read at speeds of their own: some of each, in their order. */
function stages(records: Records, random: Random): Records[] {
  const kept = new Set<AnyFact>();
  const parts = Array.from({ length: STAGES - 1 }, () => {
    for (const stream of STREAMS) {
      const facts = records[stream] as readonly AnyFact[];
      const begun = facts.filter((fact) => kept.has(fact)).length;
      for (const fact of facts.slice(0, random.between(begun, facts.length))) kept.add(fact);
    }
    return only(records, new Set(kept));
  });
  return [...parts, records];
}

async function written(): Promise<string[]> {
  const rows = await database.select<Record<string, unknown>>(
    `SELECT alert_id, severity, retroactive, late,
       arrayMap(s -> concat(s.state, ' ', toString(toUnixTimestamp64Milli(s.changed_at))), states) AS told
     FROM alert_rows FINAL WHERE NOT void`,
  );
  return rows.map((row) => JSON.stringify(Object.values(row))).sort();
}

/** What the pure core says. */
function expected(records: Records): string[] {
  const trail = Trail.of(records, EVERYTHING_MS);
  return trail.releases.models
    .flatMap((model) =>
      alertsOf(trail, model).map((alert) => {
        const { severity, retroactive, late, states } = alert;
        const told = states.map(({ state, atMs }) => `${state} ${String(atMs)}`);
        return JSON.stringify([alertId(model, alert), severity, retroactive, late, told]);
      }),
    )
    .sort();
}

function randomRecords(seed: string): Records {
  const { name, records } = randomStory(seed);
  return recordsOf(parseScenario(`${seed}.yaml`, scenarioText(name, records, [])));
}

describe('the rows of alerts', () => {
  it.each(TOLD)('are what the core says: %s', async (name) => {
    const records = recordsOfStory(name);
    await applyPart(database, records, records);
    await rowsOf(new Watch(database));
    expect(await written()).toEqual(expected(records));
    expect((await written()).length).toBeGreaterThan(0);
  });

  it('are after every step what the core says of what is there, in whatever order the topics are read', async () => {
    let alerts = 0;
    for (let i = 0; i < RANDOM_STORIES; i += 1) {
      const seed = `alert ${String(i)}`;
      const records = randomRecords(seed);
      if (expected(records).length === 0) continue;
      await emptyTables(database);
      for (const table of ['alert_rows', 'progress_rows']) await database.command(`TRUNCATE TABLE ${table}`);
      const watch = new Watch(database);
      for (const [step, part] of stages(records, seededRandom(seed)).entries()) {
        await applyPart(database, part, records);
        await rowsOf(watch);
        expect(await written(), `${seed}, step ${String(step)}`).toEqual(expected(part));
      }
      expect(await rowsOf(watch)).toEqual([]);
      // Whoever leads next judges everything again, and has nothing to add.
      expect(await rowsOf(new Watch(database))).toEqual([]);
      alerts += expected(records).length;
    }
    expect(alerts).toBeGreaterThan(5);
  });
});
