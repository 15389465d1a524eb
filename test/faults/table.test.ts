import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connectClickHouse } from '../../services/shared/clickhouse/client.js';
import { asker } from '../../services/shared/clickhouse/ask/ask.js';
import { answer } from '../../services/shared/core/answer.js';
import type { Question } from '../../services/shared/core/question.js';
import type { RecordOf, Stream } from '../../services/shared/core/record.js';
import { Trail, type Records } from '../../services/shared/core/trail.js';
import { clickHouseStore } from '../../services/shared/clickhouse/store.js';
import { serverEnv } from '../integration/servers.fixture.js';
import { TestNetwork, waitUntil, type RunningService } from '../integration/services.fixture.js';
import {
  inferenceRecord,
  paymentRecord,
  proofRecord,
  releaseRecord,
  START_MICROS,
  traffic,
} from '../unit/runtime/records.fixture.js';
import { FaultProxy, HTTP_FAULTS, type Asked } from './fault-proxy.js';

/**
 * What fails x what happens then. A row is a dependency, a step of the loop and a fault; the real servers are behind a proxy that
 * does wrong. Afterwards the answers are those of the pure core, nothing is lost or there twice, and the offsets are right.
 *
 *   npx vitest run --project stack test/faults/table.test.ts                       a part, as `npm test` does
 *   BACKTRAIL_FAULTS=all npx vitest run --project stack test/faults/table.test.ts  all of it
 */
const ALL = process.env['BACKTRAIL_FAULTS'] === 'all';
/** As often as the fault comes, one after the other. */
const TIMES = 3;
const PER_ROUND = 40;

type FaultName = keyof typeof HTTP_FAULTS;
type Step = 'insert rows' | 'insert dead letters' | 'insert payment rows' | 'insert progress' | 'read' | 'schema';

const statement = ({ path, body }: Asked): string =>
  `${decodeURIComponent(path.replaceAll('+', ' '))} ${body.subarray(0, 400).toString('latin1')}`;
const inserts =
  (table: string) =>
  (asked: Asked): boolean =>
    statement(asked).includes(`INSERT INTO ${table}`);
const STEPS: Readonly<Record<Step, (asked: Asked) => boolean>> = {
  'insert rows': inserts('inference_rows'),
  'insert dead letters': inserts('dead_letter_rows'),
  'insert payment rows': inserts('payment_rows'),
  'insert progress': inserts('progress_rows'),
  read: (asked) => !statement(asked).includes('INSERT INTO') && asked.method === 'POST',
  schema: ({ path }) => path.includes('/schemas/ids/'),
};
const CLICKHOUSE: readonly Step[] = [
  'insert rows',
  'insert dead letters',
  'insert payment rows',
  'insert progress',
  'read',
];
const NOT_FOR: Readonly<Partial<Record<Step, readonly FaultName[]>>> = {
  // A registry does not know exceptions of ClickHouse, and saves nothing.
  schema: [
    'answers 200 with an exception inside',
    'answers 200 with an exception behind what is right',
    'fails after it had saved',
  ],
};
/** What `npm test` runs: one of each kind, where it has done harm. */
const SOME: readonly (readonly [Step, FaultName])[] = [
  ['insert rows', 'fails after it had saved'],
  ['insert rows', 'answers 200 with an exception inside'],
  ['insert rows', 'answers 200 with nothing'],
  ['insert payment rows', 'answers 503 with a page'],
  ['insert dead letters', 'fails after it had saved'],
  ['insert progress', 'ends in the middle of its answer'],
  ['read', 'answers 200 with a page'],
  ['read', 'answers 200 with an exception inside'],
  ['read', 'answers 200 with an exception behind what is right'],
  ['schema', 'answers 404 with a page'],
  ['schema', 'answers 200 with JSON of another kind'],
];
const EVERY = ([...CLICKHOUSE, 'schema'] as const).flatMap((step) =>
  (Object.keys(HTTP_FAULTS) as FaultName[])
    .filter((fault) => NOT_FOR[step]?.includes(fault) !== true)
    .map((fault) => [step, fault] as const),
);

let database: FaultProxy;
let registry: FaultProxy;
let network: TestNetwork;
let running: RunningService[] = [];
let round = 0;
const ids: string[] = [];
const sent = { releases: 0, inferences: 0, proofs: 0, payments: 0 };
const STREAMS = Object.keys(sent) as (keyof typeof sent)[];

beforeAll(async () => {
  const servers = serverEnv();
  [database, registry] = await Promise.all([
    FaultProxy.to(servers.CLICKHOUSE_URL),
    FaultProxy.to(servers.SCHEMA_REGISTRY_URL),
  ]);
  network = await TestNetwork.create({
    CLICKHOUSE_URL: database.url,
    SCHEMA_REGISTRY_URL: registry.url,
    RETRY_INITIAL_MS: '20',
    RETRY_MAX_MS: '200',
  });
  await send('releases', [traffic('r0', START_MICROS, { v1: 10_000 })]);
  running = await network.start(...STREAMS);
});

afterAll(async () => {
  await network.close();
  await Promise.all([database.close(), registry.close()]);
});

async function send<S extends keyof typeof sent>(stream: S, records: readonly RecordOf[S][]): Promise<void> {
  await network.send(stream, records);
  sent[stream] += records.length;
}

/** Of every stream some; payments before their inferences and after; one that is refused; what they are about changes. */
async function sendRound(): Promise<void> {
  const n = (round += 1);
  const id = (i: number): string => `i${n}-${i}`;
  const of = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) =>
      inferenceRecord(id(from + i), { occurred_at: START_MICROS + n, session_id: `s${n}` }),
    );
  await send('payments', [
    paymentRecord(`p${n} early`, {
      allocations: [0, PER_ROUND - 1].map((i) => ({ inference_id: id(i), amount: null })),
    }),
    paymentRecord(`p${n} refused`, { amount: '-1' }),
  ]);
  await send('inferences', [...of(0, PER_ROUND / 2), inferenceRecord(`bad ${n}`, { cost: 'much' })]);
  await send('releases', [
    traffic(`r${n}`, START_MICROS + n, { [`v${n % 3}`]: 10_000 }),
    releaseRecord({ event_id: `f${n}`, action: 'FLAGGED', release: `v${n % 3}`, flag_id: `f${n}`, severity: 'major' }),
  ]);
  await send('inferences', of(PER_ROUND / 2, PER_ROUND));
  await send('proofs', [proofRecord(`proof ${n}`, id(1))]);
  await send('payments', [paymentRecord(`p${n} session`, { session_id: `s${n}` })]);
  ids.push(...Array.from({ length: PER_ROUND }, (_, i) => id(i)));
}

async function applied(): Promise<void> {
  await waitUntil('all is applied, swept and linked', async () => {
    const rows = await direct.select<{ topic: string; next: string; swept: string; linked: string; until: string }>(
      `SELECT topic, sum(next_offset) AS next, min(release_offset) AS swept, min(arraySum(mapValues(linked))) AS linked
       FROM progress GROUP BY topic`,
    );
    const of = (stream: Stream) => rows.find((row) => row.topic === network.topic(stream));
    return (
      STREAMS.every((stream) => Number(of(stream)?.next) === sent[stream]) &&
      Number(of('inferences')?.swept) >= sent.releases &&
      Number(of('payments')?.linked) >= sent.inferences
    );
  });
}

let direct: ReturnType<typeof connectClickHouse>;

/** All facts as the log has them, judged by the core alone. */
async function oracle(): Promise<Trail> {
  const store = clickHouseStore(direct, 100_000);
  const rounds = Array.from({ length: round }, (_, i) => i + 1);
  const [releases, inferences, proofs, payments] = await Promise.all([
    store.facts('releases', { kind: 'ids', ids: ['m'] }),
    store.facts('inferences', { kind: 'ids', ids }),
    store.facts('proofs', { kind: 'ids', ids }),
    store.facts('payments', { kind: 'ids', ids: rounds.flatMap((n) => [`p${n} early`, `p${n} session`]) }),
  ]);
  const records: Records = { releases, inferences, proofs, payments, agents: [] };
  return Trail.of(records, Number.MAX_SAFE_INTEGER);
}

async function expectOracle(): Promise<void> {
  const trail = await oracle();
  const ask = asker(direct);
  const questions: Question[] = [
    ...[0, PER_ROUND - 1].map((i): Question => ({ ask: 'served', inference: `i${round}-${i}` })),
    ...['early', 'session'].map((which): Question => ({ ask: 'payment', payment: `p${round} ${which}` })),
    { ask: 'proof', inference: `i${round}-1` },
    { ask: 'incident', model: 'm', release: `v${round % 3}` },
    { ask: 'taint', model: 'm', release: `v${round % 3}` },
  ];
  for (const question of questions)
    expect([question, await ask(question)]).toEqual([question, answer(trail, question)]);
  const n = async (sql: string): Promise<number> =>
    Number((await direct.select<{ n: string }>(`SELECT count() AS n FROM (${sql})`))[0]?.n);
  expect(await n('SELECT * FROM inferences')).toBe(ids.length);
  expect(await n('SELECT DISTINCT topic, partition, offset FROM dead_letter_rows')).toBe(2 * round);
  expect(await n('SELECT * FROM dead_letters')).toBe(2 * round);
  expect(await n('SELECT * FROM inference_records')).toBe(ids.length);
}

describe('what fails, and what happens then', () => {
  beforeAll(() => {
    direct = connectClickHouse({ ...network.config.clickhouse, url: serverEnv().CLICKHOUSE_URL });
  });
  afterAll(() => direct.close());

  it.each(ALL ? EVERY : SOME)('%s: the server %s', async (step, fault) => {
    if (step === 'schema') {
      // What is known of schemas is kept: only a service that begins asks.
      await Promise.all(running.map((service) => service.stop()));
      registry.break(HTTP_FAULTS[fault], TIMES, STEPS.schema);
      running = await network.start(...STREAMS);
    } else database.break(HTTP_FAULTS[fault], TIMES, STEPS[step]);
    await sendRound();
    await applied();
    expect(step === 'schema' ? registry.hits : database.hits).toBeGreaterThan(0);
    await expectOracle();
  });
});
