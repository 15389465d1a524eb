import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { greatestAppendTime } from '../../services/shared/clickhouse/ask/ask.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, trailSettings, type Config } from '../../services/shared/config.js';
import { incidentOf } from '../../services/shared/core/incident.js';
import type { Fact, Stream } from '../../services/shared/core/record.js';
import { Trail, type Records } from '../../services/shared/core/trail.js';
import { windowsOf } from '../../services/shared/core/windows.js';
import { correlate } from '../../services/window/correlate.js';
import { agentRows, digestOf, incidentRow, windowRow, type Said } from '../../services/window/to-row.js';
import { reportOf } from '../unit/window/report-of.fixture.js';
import { serverEnv } from './servers.fixture.js';
import { applyRecords, emptyTables, recordsOfStory } from './story-tables.fixture.js';

const READERS = ['release', 'inference', 'proof', 'agent', 'payment'];
const STREAMS = ['releases', 'inferences', 'proofs', 'payments', 'agents'] as const satisfies Stream[];
const STORIES = [
  'rollback-flagged-afterwards',
  'back-dated-traffic',
  'agents-classes',
  'possible-payments',
  'incident-reopened',
];

let config: Config;
let database: ClickHouse;

beforeAll(async () => {
  config = loadConfig({
    ...serverEnv(),
    CLICKHOUSE_DATABASE: `window_test_${process.pid}`,
  });
  await migrate(config.clickhouse);
  database = connectClickHouse(config.clickhouse);
});

beforeEach(async () => {
  await emptyTables(database);
  for (const table of ['window_rows', 'window_agents', 'incident_rows', 'progress_rows']) {
    await database.command(`TRUNCATE TABLE ${table}`);
  }
});

afterAll(async () => {
  await database.close();
  await dropDatabase(config.clickhouse);
});

function knownBy(records: Records, ms: number): Records {
  const known = <T>(facts: readonly Fact<T>[]): Fact<T>[] =>
    facts.filter(({ position }) => position.appendedAtMs <= ms);
  return {
    releases: known(records.releases),
    inferences: known(records.inferences),
    proofs: known(records.proofs),
    payments: known(records.payments),
    agents: known(records.agents),
  };
}

/** As the consumers leave it: what was appended up to a time is there, and every partition says so. */
async function applyUntil(records: Records, ms: number): Promise<void> {
  await applyRecords(database, knownBy(records, ms));
  const progress = { topic: 't', partition: 0, next_offset: String(ms), release_offset: '0', idle_at: ms };
  const applied = { ...progress, applied_until: ms, complete_until: ms, updated_at: ms * 1000 };
  await database.insert('progress_rows', [...READERS.map((service) => ({ ...applied, service }))]);
}

/** What the pure core says from the records as of K, as keys and digests of rows. */
function recomputed(records: Records, knownAtMs: number): Record<string, string[]> {
  const trail = Trail.of(records, knownAtMs, trailSettings(config));
  const said: Record<string, Said[]> = { window_rows: [], window_agents: [], incident_rows: [] };
  for (const model of trail.releases.models) {
    const reports = windowsOf(trail, model).map(reportOf);
    said['window_rows']?.push(...reports.map(windowRow));
    said['window_agents']?.push(...reports.flatMap(agentRows));
    for (const release of trail.view(model).everFlagged) {
      const incident = incidentOf(trail, model, release);
      if (incident !== null) said['incident_rows']?.push(incidentRow(model, incident));
    }
  }
  const lines = (list: readonly Said[]): string[] =>
    list.map(({ key, says }) => `${JSON.stringify(Object.values(key))} ${digestOf(says)}`).sort();
  return Object.fromEntries(Object.entries(said).map(([table, list]) => [table, lines(list)]));
}

const KEYS = {
  window_rows: 'model_id, release, activation',
  window_agents: 'model_id, release, activation, agent_id, class',
  incident_rows: 'model_id, release',
} as const;

/** The latest revision of each row up to K. */
async function written(ms: number): Promise<Record<string, string[]>> {
  const at = new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
  const lines = Object.entries(KEYS).map(async ([table, keys]) => {
    const rows = await database.select<Record<string, unknown>>(
      `SELECT ${keys}, digest, void FROM ${table} FINAL WHERE known_at <= {at:DateTime64(3, 'UTC')}
       ORDER BY known_at DESC LIMIT 1 BY ${keys}`,
      { at },
    );
    const live = rows.filter((row) => row['void'] === false);
    return [
      table,
      live.map(({ digest, void: _void, ...key }) => `${JSON.stringify(Object.values(key))} ${String(digest)}`).sort(),
    ] as const;
  });
  return Object.fromEntries(await Promise.all(lines));
}

describe('windows in ClickHouse', () => {
  it.each(STORIES)('are revised as knowledge grows, each equal to a recomputation as of then: %s', async (name) => {
    const records = recordsOfStory(name);
    const times = [...new Set(STREAMS.flatMap((stream) => records[stream].map((fact) => fact.position.appendedAtMs)))];
    times.sort((a, b) => a - b);
    const settings = trailSettings(config);
    let afterMs = 0;
    for (const ms of times) {
      await applyUntil(records, ms);
      const done = await correlate(database, { afterMs, settings });
      expect(done?.knownAtMs).toBe(ms);
      expect(await greatestAppendTime(database)).toBe(ms);
      afterMs = ms;
      expect(await written(ms)).toEqual(recomputed(records, ms));
    }
    // What was said before is still said as of before (L3).
    for (const ms of times) expect(await written(ms)).toEqual(recomputed(records, ms));
    expect(await correlate(database, { afterMs, settings })).toBeNull();
    expect((await correlate(database, { afterMs: afterMs - 1, settings }))?.revisions).toBe(0);
  });

  it('wait until every partition says what it has applied', async () => {
    await applyUntil(recordsOfStory('rollback-flagged-afterwards'), Date.UTC(2027, 0, 1));
    await database.command("ALTER TABLE progress_rows DELETE WHERE service = 'proof' SETTINGS mutations_sync = 1");
    expect(await correlate(database, { afterMs: 0, settings: trailSettings(config) })).toBeNull();
  });
});
