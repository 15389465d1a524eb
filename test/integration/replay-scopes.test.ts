import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { keyOf } from '../../schemas/topics.js';
import { EXIT } from '../../services/cli/exit.js';
import { seededRandom } from '../../services/demo/random.js';
import { digestsOf, type Digest } from '../../services/replay/digests.js';
import { isInScope } from '../../services/replay/in-scope.js';
import { STREAMS, type Scope } from '../../services/replay/manifest.js';
import { asker } from '../../services/shared/clickhouse/ask/ask.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import type { Question } from '../../services/shared/core/question.js';
import type { Stream } from '../../services/shared/core/record.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import { RecordInvalidError } from '../../services/shared/kafka/encode.js';
import { correlated, Replays, type Report } from './replay.fixture.js';
import { randomSaga, type Saga } from './sagas.fixture.js';
import { TestNetwork, waitUntil } from './services.fixture.js';

/** Random stories in one log: a replay of all of it, and replays that read only what their scope needs, say the same. */

const SEED = process.env['REPLAY_SEED'] ?? String(randomInt(1_000_000));
const STORIES = 4;
const SCOPES = 2;
const LOST = 3n;
/** Of the questions so many are asked of each run: which, is random. */
const ASKED = 40;

const random = seededRandom(SEED);
let network: TestNetwork;
let replays: Replays;
let saga: Saga;

beforeAll(async () => {
  network = await TestNetwork.create();
  replays = new Replays(network);
  saga = randomSaga(SEED, STORIES);
  const services = await network.start(...STREAMS);
  for (const stream of STREAMS) await send(stream);
  await waitUntil('every record is applied', async () => (await unapplied()) === 0);
  await correlated(network);
  for (const service of services) await service.stop();
});

afterAll(async () => {
  await replays.close();
  await network.close();
});

function told(stream: Stream): readonly Readonly<Record<string, unknown>>[] {
  return saga.scenario.records.filter((record) => record.stream === stream).map(({ fields }) => fields);
}

async function send(stream: Stream): Promise<void> {
  const encode = (fields: Readonly<Record<string, unknown>>): Buffer => {
    try {
      return network.encode(stream, fields);
    } catch (error) {
      if (error instanceof RecordInvalidError) return Buffer.from(JSON.stringify(fields));
      throw error;
    }
  };
  await network.sendRaw(
    stream,
    told(stream).map((fields) => ({ key: keyOf(stream, fields as never), value: encode(fields) })),
  );
}

async function unapplied(): Promise<number> {
  const rows = await network.select<{ topic: string; next: string }>(
    'SELECT topic, sum(next_offset) AS next FROM progress GROUP BY topic',
  );
  const next = new Map(rows.map((row) => [row.topic, Number(row.next)]));
  return STREAMS.reduce((sum, stream) => sum + told(stream).length - (next.get(network.topic(stream)) ?? 0), 0);
}

/** Questions of a saga; those about the model of a scope, which the others have no part in. */
function someOf({ questions }: Saga, scope?: Scope): Question[] {
  const own = questions.filter(
    (question) => scope === undefined || !('model' in question) || question.model === scope.model,
  );
  return own.filter((_, i) => random.chance(ASKED / own.length) || i === 0);
}

function scopeArgs({ model, release, activation, fromMicros, toMicros }: Scope): string[] {
  const time = (micros: number): string => new Date(micros / 1000).toISOString();
  return [
    ...['--model', model],
    ...(release === undefined ? [] : ['--release', release]),
    ...(activation === undefined ? [] : ['--activation', String(activation)]),
    ...(fromMicros === undefined ? [] : ['--from', time(fromMicros)]),
    ...(toMicros === undefined ? [] : ['--to', time(toMicros)]),
  ];
}

async function connected<T>(name: string, use: (database: ClickHouse) => Promise<T>): Promise<T> {
  const database = connectClickHouse({ ...network.config.clickhouse, database: name });
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}

function digestsIn(scope: Scope, { database: name }: Report): Promise<Digest[]> {
  return connected(name, (database) =>
    digestsOf(scope, { side: { database, knownAtMs: null }, sources: [database.database] }),
  );
}

describe(`replays of random stories (seed ${SEED})`, () => {
  it('say the same, with everything or what their scope needs', { timeout: 300_000 }, async () => {
    const [{ model } = { model: '' }] = saga.scopes;
    const scopes = saga.scopes.filter((scope) => scope.model === model);
    const full = await replays.replay(['--model', model, '--full', '--run-id', 'full']);
    expect(full.reads.records).toBe(full.reads.of);
    await connected(full.database, async (run) => {
      const [live, again] = [asker(network.database), asker(run)];
      for (const question of someOf(saga)) expect(await again(question)).toEqual(await live(question));
    });

    let read = 0;
    for (let i = 0; i < SCOPES; i += 1) {
      const scope = scopes[(i * 3) % scopes.length] as Scope;
      const run = `part_${String(i)}`;
      const part = await replays.replay([...scopeArgs(scope), '--read-through', '0', '--run-id', run]);
      expect(part.digests, JSON.stringify(scope)).toEqual(await digestsIn(scope, full));
      expect(await replays.run(['replay', 'diff', run, '--json'])).toMatchObject({ code: EXIT.ok });
      expect(part.reads.whole.map((sentence) => sentence.replace(/:.*/, ''))).toEqual(['releases', 'agents']);
      read += part.reads.records;
      await connected(part.database, async (database) => {
        const [all, some] = [asker(network.database), asker(database)];
        for (const question of someOf(saga, scope)) {
          if (await isInScope(question, { scope, database })) expect(await some(question)).toEqual(await all(question));
        }
      });
      expect(await replays.run(['ask', 'incidents', '--run', run])).toMatchObject({ code: EXIT.usage });
    }
    expect(read).toBeLessThan(SCOPES * full.reads.of);
  });

  it('say the same of what the log still has', { timeout: 300_000 }, async () => {
    await withAdmin(network.config.kafka, async (admin) => {
      for (const stream of ['inferences', 'payments'] as const) {
        const topic = network.topic(stream);
        const ends = await admin.fetchTopicOffsets(topic); // kafkajs deletes only of topics that it has asked about.
        const partitions = ends.filter(({ high }) => BigInt(high) >= LOST);
        await admin.deleteTopicRecords({
          topic,
          partitions: partitions.map(({ partition }) => ({ partition, offset: LOST.toString() })),
        });
      }
    });
    const scope = saga.scopes[0] as Scope;
    const full = await replays.replay([...scopeArgs(scope), '--full', '--run-id', 'left']);
    const part = await replays.replay([...scopeArgs(scope), '--read-through', '0', '--run-id', 'left_part']);
    expect(part.digests).toEqual(full.digests);
    const lost = (report: Report): Promise<unknown[]> =>
      connected(report.database, (database) =>
        database.select(`SELECT * EXCEPT (appended_before) FROM gap_bounds ORDER BY topic, partition`),
      );
    expect(await lost(part)).toEqual(await lost(full));
    expect((await lost(full)).length).toBeGreaterThan(0);
  });
});
