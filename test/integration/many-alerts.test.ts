import { afterAll, beforeAll, expect, it } from 'vitest';
import { asker } from '../../services/shared/clickhouse/ask/ask.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import { answer } from '../../services/shared/core/answer.js';
import type { Question } from '../../services/shared/core/question.js';
import type { Fact } from '../../services/shared/core/record.js';
import { Trail, type Records } from '../../services/shared/core/trail.js';
import { START_MS } from '../unit/runtime/network.fixture.js';
import { inferenceRecord, minute, paymentRecord, releaseRecord, traffic } from '../unit/runtime/records.fixture.js';
import { serverEnv } from './servers.fixture.js';
import { applyRecords } from './story-tables.fixture.js';

/** More than are judged at once, and not a multiple of it. */
const PAYMENTS = 2_345;
const INFERENCES = 50;

let config: Config;
let database: ClickHouse;

beforeAll(async () => {
  config = loadConfig({ ...serverEnv(), CLICKHOUSE_DATABASE: `many_alerts_test_${process.pid}` });
  await migrate(config.clickhouse);
  database = connectClickHouse(config.clickhouse);
});

afterAll(async () => {
  await database.close();
  await dropDatabase(config.clickhouse);
});

function appended<R>(records: readonly R[], key: (record: R) => string, firstMs: number): Fact<R>[] {
  return records.map((record, i) => ({
    record,
    key: key(record),
    position: { partition: 0, offset: BigInt(i), appendedAtMs: firstMs + i },
  }));
}

/** Two releases, the first one flagged while its work is being settled, and cleared again; each payment is for two inferences. */
function story(): Records {
  const inferences = Array.from({ length: INFERENCES }, (_, i) =>
    inferenceRecord(`i${i}`, { occurred_at: minute(1 + i), session_id: `s${i % 7}` }),
  );
  const payments = Array.from({ length: PAYMENTS }, (_, i) =>
    paymentRecord(`p${i}`, {
      occurred_at: minute(60 + (i % 60)),
      ...(i % 3 === 0
        ? { session_id: `s${i % 7}` }
        : { allocations: [i, i + 30].map((n) => ({ inference_id: `i${n % INFERENCES}`, amount: null })) }),
    }),
  );
  const flag = { release: 'v1', flag_id: 'f', severity: 'major' };
  const releases = [
    traffic('r1', minute(0), { v1: 10_000 }),
    traffic('r2', minute(25), { v2: 10_000 }),
    releaseRecord({ event_id: 'r3', occurred_at: minute(70), action: 'FLAGGED', ...flag }),
    releaseRecord({ event_id: 'r4', occurred_at: minute(80), action: 'UNFLAGGED', ...flag }),
  ];
  return {
    releases: appended(releases, () => 'm', START_MS).map((fact, i) => {
      return { ...fact, position: { ...fact.position, appendedAtMs: START_MS + i * 4_000 } };
    }),
    inferences: appended(inferences, ({ inference_id: id }) => id, START_MS + 1_000),
    payments: appended(payments, ({ payment_id: id }) => id, START_MS + 7_000),
    proofs: [],
    agents: [],
  };
}

it('alerts of more payments than are judged at once are those of the pure core, before and after a flag and its end', async () => {
  const records = story();
  await applyRecords(database, records);
  for (const known of [START_MS + 7_500, START_MS + 9_000, START_MS + 11_000, START_MS + 60_000]) {
    const question: Question = { ask: 'alerts', model: 'm', known };
    const expected = answer(Trail.of(records, known), question) as object[];
    expect(await asker(database)(question)).toEqual(expected);
    expect(expected.length > 0).toBe(known >= START_MS + 8_000);
  }
});
