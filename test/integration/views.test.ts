import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coreEngine } from '../../services/scenario/core-engine.js';
import type { Scenario } from '../../services/scenario/scenario.js';
import { asker } from '../../services/shared/clickhouse/ask/ask.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import type { Question } from '../../services/shared/core/question.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { serverEnv } from './servers.fixture.js';
import { applyRecords, emptyTables, readStory, recordsOfStory } from './story-tables.fixture.js';

const STORIES = readdirSync(join(packageRoot(), 'test', 'scenarios'))
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => file.replace('.yaml', ''))
  .sort();
/** What two people read at once must not differ, whatever merged meanwhile. */
const MERGED = [
  'inference_rows',
  'payment_rows',
  'payment_model_rows',
  'model_state_rows',
  'copy_rows',
  'release_facts',
  'proof_facts',
];

let config: Config;
let database: ClickHouse;

beforeAll(async () => {
  config = loadConfig({
    ...serverEnv(),
    CLICKHOUSE_DATABASE: `views_test_${process.pid}`,
  });
  await migrate(config.clickhouse);
  database = connectClickHouse(config.clickhouse);
});

afterAll(async () => {
  await database.close();
  await dropDatabase(config.clickhouse);
});

function lastMs(story: Scenario): number {
  return Math.max(0, ...story.records.map((record) => record.appendedAtMs));
}

function dateTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}

/** Every question of a story, and every model's windows and incidents at each of its moments. */
function questionsOf(story: Scenario): Question[] {
  const asked = story.expect.map(({ question }) => question);
  const models = [...new Set(story.records.map((record) => record.fields['model_id']))].filter(
    (id): id is string => typeof id === 'string',
  );
  const moments = [...new Set(story.records.map((record) => record.appendedAtMs))].slice(-3);
  const general = moments.flatMap((known) =>
    models.flatMap((model): Question[] => [
      { ask: 'windows', model, known },
      { ask: 'incidents', model, known },
    ]),
  );
  return [...asked, ...general].map((question) => ({ ...question, known: question.known ?? lastMs(story) }));
}

describe('the views', () => {
  it.each(STORIES)('give the answers of the pure core: %s', async (name) => {
    await emptyTables(database);
    const story = readStory(name);
    await applyRecords(database, recordsOfStory(name));
    const core = coreEngine(story);
    const stack = asker(database);
    for (const question of questionsOf(story)) {
      expect({ question, answer: await stack(question) }).toEqual({ question, answer: core(question) });
    }
  });

  it('say the same before and after a merge, and after everything was written again', async () => {
    await emptyTables(database);
    const name = 'rollback-flagged-afterwards';
    const story = readStory(name);
    const all = async (): Promise<string> =>
      JSON.stringify(await Promise.all(questionsOf(story).map((question) => asker(database)(question))));
    await applyRecords(database, recordsOfStory(name));
    const before = await all();
    await applyRecords(database, recordsOfStory(name));
    expect(await all()).toBe(before);
    for (const table of MERGED) await database.command(`OPTIMIZE TABLE ${table} FINAL`);
    expect(await all()).toBe(before);
  });
});

describe('what analysts read of a question', () => {
  const name = 'rollback-flagged-afterwards';
  let known: { known: string };
  let ask: (question: Question) => Promise<Readonly<Record<string, unknown>>>;

  beforeAll(async () => {
    await emptyTables(database);
    await applyRecords(database, recordsOfStory(name));
    const knownAtMs = lastMs(readStory(name));
    known = { known: dateTime(knownAtMs) };
    const stack = asker(database);
    ask = async (question) =>
      (await stack({ ...question, known: knownAtMs })) as unknown as Readonly<Record<string, unknown>>;
  });

  const AS_OF = "(known_at = {known:DateTime64(3, 'UTC')})";

  it('taint has the inferences that ask has', async () => {
    const rows = await database.select<{ inference_id: string; class: string }>(
      `SELECT inference_id, class FROM taint_as_of${AS_OF} WHERE model_id = 'm' AND release = 'v2' ORDER BY inference_id`,
      known,
    );
    const { certain, possible } = await ask({ ask: 'taint', model: 'm', release: 'v2' });
    const ids = (of: string): string[] => rows.filter((row) => row.class === of).map((row) => row.inference_id);
    expect(ids('certain')).toEqual(certain);
    expect(ids('possible')).toEqual(possible);
    expect(rows.length).toBeGreaterThan(0);
  });

  it('settled_work and settled_while_active have the payments that ask has', async () => {
    const ids = async (view: string, condition: string): Promise<string[]> =>
      (
        await database.select<{ payment_id: string }>(
          `SELECT DISTINCT payment_id FROM ${view}_as_of${AS_OF}
           WHERE model_id = 'm' AND release = 'v2' AND ${condition} ORDER BY payment_id`,
          known,
        )
      ).map((row) => row.payment_id);
    const answer = await ask({ ask: 'payments', model: 'm', release: 'v2' });
    expect(await ids('settled_work', 'certain')).toEqual(answer['settled_for_work']);
    expect(await ids('settled_work', 'certain AND late')).toEqual(answer['late']);
    expect(await ids('settled_while_active', 'true')).toEqual(answer['settled_while_active']);
  });

  it('payment_split has the parts that ask has', async () => {
    const [paid] = await database.select<{ payment_id: string }>(
      `SELECT payment_id FROM payment_parts_as_of${AS_OF} ORDER BY payment_id LIMIT 1`,
      known,
    );
    const payment = paid?.payment_id ?? '';
    const rows = await database.select(
      `SELECT inference_id AS inference, toString(amount) AS amount, class
       FROM payment_split(known_at = {known:DateTime64(3, 'UTC')}, payment_id = {payment:String}) ORDER BY inference_id`,
      { ...known, payment },
    );
    expect(rows).toEqual((await ask({ ask: 'payment', payment }))['parts']);
  });

  it('incidents has the state that ask has', async () => {
    const [row] = await database.select<Record<string, unknown>>(
      `SELECT state, activations, linked FROM incidents_as_of${AS_OF} WHERE model_id = 'm' AND release = 'v2'`,
      known,
    );
    expect(await ask({ ask: 'incident', model: 'm', release: 'v2' })).toMatchObject(row ?? { state: 'missing' });
  });
});
