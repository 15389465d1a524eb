import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { serverEnv } from '../integration/servers.fixture.js';
import { waitUntil } from '../integration/services.fixture.js';
import { API, BROKER_FAULTS, BrokerProxy, type BrokerRequest } from './broker-proxy.js';
import { FaultProxy, HTTP_FAULTS, type Asked } from './fault-proxy.js';
import { Rounds } from './rounds.fixture.js';

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

type FaultName = keyof typeof HTTP_FAULTS;
type BrokerFaultName = keyof typeof BROKER_FAULTS;
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
  ['insert payment rows', 'says that its disk is full'],
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

/** In which request of the loop, and of which service. */
const BROKER_STEPS = {
  fetch: { api: API.fetch, names: 'opengradient.inferences' },
  commit: { api: API.commit, names: 'backtrail.inference' },
  'send a dead letter': { api: API.produce, names: '.dlq' },
  'ask for ends': { api: API.ends, names: 'opengradient.payments' },
  heartbeat: { api: API.heartbeat, names: 'backtrail.payment' },
  'find the coordinator': { api: API.coordinator, names: 'backtrail.payment' },
  join: { api: API.join, names: 'backtrail.inference' },
  sync: { api: API.sync, names: 'backtrail.inference' },
  'read what was committed': { api: API.committed, names: 'backtrail.inference' },
} as const;
type BrokerStep = keyof typeof BROKER_STEPS;
/** Only a service that begins takes these. */
const AT_START: readonly BrokerStep[] = ['find the coordinator', 'join', 'sync', 'read what was committed'];
/** Only what touches records meets a disk. */
const ON_DISK: readonly BrokerStep[] = ['fetch', 'commit', 'send a dead letter'];
const SOME_OF_BROKER: readonly (readonly [BrokerStep, BrokerFaultName])[] = [
  ['fetch', 'hangs up in the middle of its answer'],
  ['fetch', 'says that its disk has failed'],
  ['commit', 'hangs up after it had saved'],
  ['send a dead letter', 'hangs up after it had saved'],
];
const EVERY_OF_BROKER = (Object.keys(BROKER_STEPS) as BrokerStep[]).flatMap((step) =>
  (Object.keys(BROKER_FAULTS) as BrokerFaultName[])
    .filter((fault) => fault !== 'says that its disk has failed' || ON_DISK.includes(step))
    .map((fault) => [step, fault] as const),
);

describe('what fails, and what happens then', () => {
  let database: FaultProxy;
  let registry: FaultProxy;
  let rounds: Rounds;

  beforeAll(async () => {
    const servers = serverEnv();
    [database, registry] = await Promise.all([
      FaultProxy.to(servers.CLICKHOUSE_URL),
      FaultProxy.to(servers.SCHEMA_REGISTRY_URL),
    ]);
    rounds = await Rounds.begin({ CLICKHOUSE_URL: database.url, SCHEMA_REGISTRY_URL: registry.url });
  });
  afterAll(async () => {
    await rounds.close();
    await Promise.all([database.close(), registry.close()]);
  });

  it.each(ALL ? EVERY : SOME)('%s: the server %s', async (step, fault) => {
    if (step === 'schema') {
      // What is known of schemas is kept: only a service that begins asks.
      await rounds.restart(() => {
        registry.break(HTTP_FAULTS[fault], TIMES, STEPS.schema);
      });
    } else database.break(HTTP_FAULTS[fault], TIMES, STEPS[step]);
    await rounds.send();
    await rounds.applied();
    expect(step === 'schema' ? registry.hits : database.hits).toBeGreaterThan(0);
    await rounds.expectRight();
  });
});

describe('what fails of the broker, and what happens then', () => {
  let broker: BrokerProxy;
  let rounds: Rounds;

  beforeAll(async () => {
    broker = await BrokerProxy.to(serverEnv().KAFKA_BROKERS);
    rounds = await Rounds.begin({ KAFKA_BROKERS: broker.address, SESSION_TIMEOUT_MS: '6000' });
  });
  afterAll(async () => {
    await rounds.close();
    await broker.close();
  });

  it.each(ALL ? EVERY_OF_BROKER : SOME_OF_BROKER)('%s: the broker %s', async (step, fault) => {
    const { api, names } = BROKER_STEPS[step];
    const hits = (request: BrokerRequest): boolean => request.api === api && request.bytes.includes(names);
    const order = (): void => {
      broker.break(BROKER_FAULTS[fault], TIMES, hits);
    };
    if (AT_START.includes(step)) await rounds.restart(order);
    else order();
    await rounds.send();
    await waitUntil('it has happened', () => Promise.resolve(broker.hits > 0));
    await rounds.applied();
    await rounds.expectRight();
  });
});
