import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { recordsOf } from '../../services/scenario/core-engine.js';
import { parseScenario } from '../../services/scenario/parse.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { FACT_TABLES, toFactRow } from '../../services/shared/clickhouse/fact-rows.js';
import { greatestAppendTime } from '../../services/shared/clickhouse/facts-source.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, trailSettings, type Config } from '../../services/shared/config.js';
import type { Fact, RecordOf, Stream } from '../../services/shared/core/record.js';
import { Trail, type Records } from '../../services/shared/core/trail.js';
import { windowsOf } from '../../services/shared/core/windows.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { correlate } from '../../services/window/correlate.js';
import { windowRow } from '../../services/window/to-row.js';

const FAR_FUTURE_MS = Date.UTC(2040, 0, 1);
const READERS = ['release', 'inference', 'proof', 'agent', 'payment'];
const STREAMS = ['releases', 'inferences', 'proofs', 'payments', 'agents'] as const satisfies Stream[];

let config: Config;
let database: ClickHouse;
let records: Records;

beforeAll(async () => {
  const { brokers, registryUrl, clickhouseUrl } = inject('endpoints');
  config = loadConfig({
    KAFKA_BROKERS: brokers,
    SCHEMA_REGISTRY_URL: registryUrl,
    CLICKHOUSE_URL: clickhouseUrl,
    CLICKHOUSE_DATABASE: `window_test_${process.pid}`,
  });
  await migrate(config.clickhouse);
  database = connectClickHouse(config.clickhouse);
  const file = join(packageRoot(), 'test', 'scenarios', 'rollback-flagged-afterwards.yaml');
  records = recordsOf(parseScenario(file, readFileSync(file, 'utf8')));
});

afterAll(async () => {
  await database.close();
  await dropDatabase(config.clickhouse);
});

/** As the consumers leave it: the facts appended up to a time are there, and every partition says so. */
async function applyUntil(ms: number): Promise<void> {
  for (const stream of STREAMS) {
    const facts = (records[stream] as readonly Fact<RecordOf[typeof stream]>[]).filter(
      ({ position }) => position.appendedAtMs <= ms,
    );
    const rows = facts.map((fact) => toFactRow(fact));
    await database.insert(FACT_TABLES[stream], rows);
  }
  const progress = { topic: 't', partition: 0, next_offset: '0', release_offset: '0', idle_at: FAR_FUTURE_MS };
  const applied = { ...progress, applied_until: ms, updated_at: ms * 1000 };
  await database.insert('progress_rows', [...READERS.map((service) => ({ ...applied, service }))]);
}

function recomputed(knownAtMs: number): object[] {
  const trail = Trail.of(records, knownAtMs);
  return windowsOf(trail, 'm').map((window) => {
    const { key, says } = windowRow(window);
    return {
      ...key,
      flagged: says['flagged'],
      active: says['inferences_active'],
      stale: says['inferences_stale'],
      work: says['amount_work'],
    };
  });
}

async function written(view: string): Promise<object[]> {
  const rows = await database.select<Record<string, unknown>>(
    `SELECT model_id, release, activation, flagged, inferences_active AS active, inferences_stale AS stale,
       toString(amount_work) AS work
     FROM ${view} WHERE model_id = 'm' ORDER BY from, release`,
  );
  return rows.map((row) => ({ ...row, active: Number(row['active']), stale: Number(row['stale']) }));
}

describe('windows in ClickHouse', () => {
  it('are revised as knowledge grows, each equal to a recomputation from the facts as of then', async () => {
    const times = [...new Set(STREAMS.flatMap((stream) => records[stream].map((fact) => fact.position.appendedAtMs)))];
    times.sort((a, b) => a - b);
    const settings = trailSettings(config);
    let afterMs = 0;
    for (const ms of times) {
      await applyUntil(ms);
      const done = await correlate(database, { afterMs, settings });
      expect(done?.knownAtMs).toBe(ms);
      expect(await greatestAppendTime(database)).toBe(ms);
      afterMs = ms;
      expect(await written('windows')).toEqual(recomputed(ms));
    }
    // What was said before is still said as of before (L3).
    for (const ms of times) {
      const at = new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
      expect(await written(`windows_as_of(known_at = '${at}')`)).toEqual(recomputed(ms));
    }
    const [{ revisions } = { revisions: '0' }] = await database.select<{ revisions: string }>(
      'SELECT count() AS revisions FROM window_rows',
    );
    expect(Number(revisions)).toBeGreaterThan(recomputed(afterMs).length);
    expect(await correlate(database, { afterMs, settings })).toBeNull();
    expect((await correlate(database, { afterMs: afterMs - 1, settings }))?.revisions).toBe(0);
  });

  it('waits until every partition says what it has applied', async () => {
    await database.command("ALTER TABLE progress_rows DELETE WHERE service = 'proof' SETTINGS mutations_sync = 1");
    expect(await correlate(database, { afterMs: 0, settings: trailSettings(config) })).toBeNull();
  });
});
