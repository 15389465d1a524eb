import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { topicName } from '../../schemas/topics.js';
import { Watch } from '../../services/alert/watch.js';
import { seededRandom } from '../../services/demo/random.js';
import { digestsOf, type Digest } from '../../services/replay/digests.js';
import { spanOf, STREAMS, type Range, type Scope } from '../../services/replay/manifest.js';
import { narrowed, type Planning } from '../../services/replay/plan.js';
import { recordsOf } from '../../services/scenario/core-engine.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, emptyDatabase, migrate, tableStatements } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, trailSettings, type Config } from '../../services/shared/config.js';
import { FACT_TABLES } from '../../services/shared/clickhouse/fact-rows.js';
import type { Fact, Stream } from '../../services/shared/core/record.js';
import type { Records } from '../../services/shared/core/trail.js';
import { correlate } from '../../services/window/correlate.js';
import { only, type AnyFact } from './part-of-story.fixture.js';
import { randomSaga, type Saga } from './sagas.fixture.js';
import { serverEnv } from './servers.fixture.js';
import { applyRecords } from './story-tables.fixture.js';

/** What the index says that a scope needs is enough for it: tables of that alone say the same of it as tables of everything. */

/** REPLAY_SEED repeats a run, REPLAY_SCOPES looks at more. */
const SEED = process.env['REPLAY_SEED'] ?? String(randomInt(1_000_000));
const SCOPES = Number(process.env['REPLAY_SCOPES'] ?? 3);
const STORIES = 3;
const READERS = ['release', 'inference', 'proof', 'agent', 'payment'];

/** A database, its own connection, and how it is made empty. */
interface Tables {
  readonly config: Config;
  readonly database: ClickHouse;
  readonly statements: ReadonlyMap<string, string>;
}

const tables: Tables[] = [];

beforeAll(async () => {
  for (const name of ['whole', 'part']) {
    const config = loadConfig({ ...serverEnv(), CLICKHOUSE_DATABASE: `closure_${name}_${String(process.pid)}` });
    await migrate(config.clickhouse);
    const database = connectClickHouse(config.clickhouse);
    tables.push({ config, database, statements: await tableStatements(database) });
  }
});

afterAll(async () => {
  for (const { config, database } of tables) {
    await database.close();
    await dropDatabase(config.clickhouse);
  }
});

/** Everything that the services make of some records, once all others are known to be something else. */
async function apply({ config, database, statements }: Tables, { scenario }: Saga, records: Records): Promise<void> {
  await emptyDatabase(database, statements);
  await applyRecords(database, records);
  const ms = Math.max(0, ...scenario.records.map(({ appendedAtMs }) => appendedAtMs));
  const progress = { topic: 't', partition: 0, next_offset: '1', applied_until: ms, complete_until: ms, updated_at: 1 };
  await database.insert(
    'progress_rows',
    READERS.map((service) => ({ ...progress, service })),
  );
  await correlate(database, { afterMs: 0, settings: trailSettings(config) });
  const found = new Watch(database).pass(new AbortController().signal);
  while ((await found.next()).done !== true);
}

/** Where records are that are refused, and all there is. */
async function refuse({ database }: Tables, { scenario }: Saga, records: Records): Promise<Range[]> {
  const ranges: Range[] = [];
  for (const stream of STREAMS) {
    const topic = topicName(stream, '');
    const count = scenario.records.filter((record) => record.stream === stream).length;
    const facts = new Set(records[stream].map(({ position }) => position.offset));
    const refused = Array.from({ length: count }, (_, i) => BigInt(i)).filter((offset) => !facts.has(offset));
    const letter = { topic, partition: 0, appended_at: 1, service: stream, code: 'INVALID_ID', reason: '' };
    await database.insert(
      'dead_letter_rows',
      refused.map((offset) => ({ ...letter, offset: offset.toString() })),
    );
    ranges.push({ topic, partition: 0, from: '0', to: String(count) });
  }
  return ranges;
}

function within(records: Records, ranges: readonly Range[]): Records {
  const kept = new Set<AnyFact>();
  for (const stream of STREAMS) {
    const range = ranges.find(({ topic }) => topic === topicName(stream, ''));
    const spans = range === undefined ? [] : spanOf(range).ranges;
    for (const fact of records[stream] as readonly Fact<object>[]) {
      const { offset } = fact.position;
      if (spans.some(({ from, to }) => offset >= from && offset < to)) kept.add(fact);
    }
  }
  return only(records, kept);
}

/** @param kind what the registry says of every schema */
function planningFor(scope: Scope, kind: 'unknown' | 'unreachable' = 'unknown'): Planning {
  const registry = { writerSchema: () => Promise.resolve({ kind, reason: '' }) };
  return { scope, topicPrefix: '', through: 0n, registry, signal: new AbortController().signal };
}

/** One that has records of a stream, and a release to be about. */
function sagaWith(stream: Stream): Saga {
  for (let i = 0; ; i += 1) {
    const saga = randomSaga(`${SEED} ${String(i)}`, STORIES);
    const isAbout = saga.scopes.some(({ release }) => release !== undefined);
    if (isAbout && recordsOf(saga.scenario)[stream].length > 0) return saga;
  }
}

function digests(scope: Scope, { database }: Tables): Promise<Digest[]> {
  return digestsOf(scope, { side: { database, knownAtMs: null }, sources: [database.database] });
}

describe(`what a scope needs of the log (seed ${SEED})`, () => {
  it('is enough to say of it all that is said with everything', { timeout: 300_000 }, async () => {
    const [whole, part] = tables as [Tables, Tables];
    const saga = randomSaga(SEED, STORIES);
    const records = recordsOf(saga.scenario);
    await apply(whole, saga, records);
    const ranges = await refuse(whole, saga, records);
    const random = seededRandom(SEED);
    let [read, all] = [0, 0];
    for (let i = 0; i < SCOPES; i += 1) {
      const scope = random.pick(saga.scopes);
      const planning = planningFor(scope);
      const plan = await narrowed(ranges, whole.database, planning);
      expect(plan.whole.map((sentence) => sentence.replace(/:.*/, ''))).toEqual(['releases', 'agents']);
      const needed = within(records, plan.ranges);
      await apply(part, saga, needed);
      expect(await digests(scope, part), JSON.stringify(scope)).toEqual(await digests(scope, whole));
      for (const stream of ['inferences', 'proofs', 'payments'] as const) {
        read += needed[stream].length;
        all += records[stream].length;
      }
    }
    expect(read).toBeLessThan(all);
  });

  it.each([
    ['proofs', ['releases', 'proofs', 'agents']],
    ['payments', ['releases', 'inferences', 'agents', 'payments']],
    ['inferences', ['releases', 'inferences', 'proofs', 'agents', 'payments']],
    // Then every inference of the model may be of the release.
    ['releases', ['releases', 'agents']],
  ] as const)('is whole topics when the tables lack records of %s', { timeout: 120_000 }, async (stream, topics) => {
    const [whole, part] = tables as [Tables, Tables];
    const saga = sagaWith(stream);
    const records = recordsOf(saga.scenario);
    await apply(whole, saga, records);
    const ranges = await refuse(whole, saga, records);
    const scope = saga.scopes.find(({ release }) => release !== undefined) as Scope;
    const expected = await digests(scope, whole);
    await whole.database.command(`TRUNCATE TABLE ${FACT_TABLES[stream]}`);
    const planning = planningFor(scope);
    const plan = await narrowed(ranges, whole.database, planning);
    expect(plan.whole.map((sentence) => sentence.replace(/:.*/, ''))).toEqual(topics);
    await apply(part, saga, within(records, plan.ranges));
    expect(await digests(scope, part), JSON.stringify(scope)).toEqual(expected);
  });

  it('is all, where a record that was given up for its schema may be one by now', { timeout: 120_000 }, async () => {
    const [{ database }] = tables as [Tables, Tables];
    const saga = sagaWith('inferences');
    await apply(tables[0] as Tables, saga, recordsOf(saga.scenario));
    const ranges = await refuse(tables[0] as Tables, saga, recordsOf(saga.scenario));
    const topic = topicName('inferences', '');
    const end = ranges.find((range) => range.topic === topic)?.to ?? '0';
    const more = ranges.map((range) => (range.topic === topic ? { ...range, to: String(Number(end) + 1) } : range));
    const letter = { topic, partition: 0, offset: end, appended_at: 1, service: 'inference', reason: '' };
    await database.insert('dead_letter_rows', [{ ...letter, code: 'SCHEMA_UNKNOWN', value_base64: 'AAAAAAc=' }]);
    const scope = { model: 'm' };
    expect((await narrowed(more, database, planningFor(scope, 'unknown'))).whole).toHaveLength(2);
    expect((await narrowed(more, database, planningFor(scope, 'unreachable'))).whole).toHaveLength(STREAMS.length);

    // What was sent again, and is there, is known by its copy.
    const sent = { redrive_id: 'r', topic, partition: 0, offset: end, step: 'SENT', at: 1, by: 'b', to_partition: 0 };
    await database.insert('redrive_rows', [{ ...sent, to_offset: await someOffset(database) }]);
    expect((await narrowed(more, database, planningFor(scope, 'unreachable'))).whole).toHaveLength(2);
  });
});

async function someOffset(database: ClickHouse): Promise<string> {
  const [row] = await database.select<{ offset: string }>('SELECT max(offset) AS offset FROM inference_rows');
  return row?.offset ?? '';
}
