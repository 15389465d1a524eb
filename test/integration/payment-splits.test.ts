import type { PaymentAllocation } from '../../schemas/types.generated.js';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { linkedTo } from '../../services/payment/linked.js';
import { toRow } from '../../services/payment/to-row.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import { firstCopies } from '../../services/shared/core/identity.js';
import { sortedIds } from '../../services/shared/core/order.js';
import { paymentOf, splitPayment, type PaymentSplit } from '../../services/shared/core/payment.js';
import type { InferenceFact, PaymentFact } from '../../services/shared/core/record.js';
import { subjectsOf } from '../../services/shared/runtime/subjects.js';
import { inferenceRecord, paymentRecord, START_MICROS } from '../unit/runtime/records.fixture.js';
import { START_MS } from '../unit/runtime/network.fixture.js';
import { serverEnv } from './servers.fixture.js';

/** Rows of payments as the service writes them, and what the views compute of them for any K, beside the core's split. */

let config: Config;
let database: ClickHouse;

beforeAll(async () => {
  config = loadConfig({ ...serverEnv(), CLICKHOUSE_DATABASE: `splits_test_${process.pid}` });
  await migrate(config.clickhouse);
  database = connectClickHouse(config.clickhouse);
});

beforeEach(async () => {
  for (const table of TABLES) await database.command(`TRUNCATE TABLE ${table}`);
});

afterAll(async () => {
  await database.close();
  await dropDatabase(config.clickhouse);
});

const TABLES = ['payment_rows', 'payment_model_rows'];
const TICKS = 9;
const TICKS_ALL = Array.from({ length: TICKS + 2 }, (_, i) => i - 1);
const IDS = Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? `i${i}` : `ï${i}`));
const MODELS = ['m', 'n'];

interface Story {
  readonly payments: readonly PaymentFact[];
  readonly inferences: readonly InferenceFact[];
}

const money = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt(0n, 12n) },
  { weight: 2, arbitrary: fc.bigInt(0n, 10n ** 20n) },
  { weight: 1, arbitrary: fc.bigInt(2n ** 120n, 2n ** 136n) },
  { weight: 1, arbitrary: fc.bigInt(2n ** 254n, 2n ** 256n - 1n) },
);
const cost = fc.oneof(fc.constant(null), fc.constant('0'), money.map(String));

const inference = fc.record({
  tick: fc.nat(TICKS),
  session_id: fc.constantFrom(null, 's', 't'),
  model_id: fc.constantFrom(...MODELS),
  cost,
  // All of one kind now and then: else there is nearly always one without a cost.
  known: fc.boolean(),
});

const paid = fc.record({
  tick: fc.nat(TICKS),
  at: fc.nat(TICKS),
  state: fc.constantFrom('AUTHORISED' as const, 'SETTLED' as const, 'REFUNDED' as const, 'REVERSED' as const),
  amount: money.map(String),
  session_id: fc.constantFrom(null, 's', 's', 't'),
  model_id: fc.constantFrom(null, ...MODELS),
  allocations: fc.oneof(
    fc.constant([] as PaymentAllocation[]),
    fc.array(
      fc.record({
        inference_id: fc.constantFrom(...IDS, 'never'),
        amount: fc.oneof(fc.constant(null), money.map(String)),
      }),
      { maxLength: 6 },
    ),
    fc.array(fc.record({ inference_id: fc.constantFrom(...IDS), amount: fc.constant(null) }), { maxLength: 6 }),
  ),
});

const story: fc.Arbitrary<Story> = fc
  .record({
    costs: fc.oneof(fc.constant('any'), fc.constant('all'), fc.constant('none')),
    inferences: fc.array(inference, { minLength: IDS.length, maxLength: IDS.length }),
    payments: fc.array(paid, { minLength: 1, maxLength: 4 }),
  })
  .map(({ costs, inferences, payments }) => ({
    inferences: inferences.flatMap(({ tick, known, cost: own, ...fields }, i) => {
      const id = IDS[i] ?? '';
      const weighed = costs === 'all' ? (own ?? '3') : costs === 'none' ? null : own;
      const record = inferenceRecord(id, { ...fields, cost: weighed, occurred_at: START_MICROS + i });
      return known ? [{ record, key: id, position: positionAt(tick, i) }] : [];
    }),
    payments: payments.map(({ tick, at, ...fields }, i) => {
      const record = paymentRecord('p', { ...fields, event_id: `e${i}`, occurred_at: START_MICROS + at });
      return { record, key: 'p', position: positionAt(tick, i) };
    }),
  }));

function positionAt(tick: number, offset: number): PaymentFact['position'] {
  return { partition: 0, offset: BigInt(offset), appendedAtMs: START_MS + tick };
}

/** The story once more, of a payment of another name. */
function named(paymentId: string, { payments, inferences }: Story): Story {
  return {
    inferences,
    payments: payments.map((fact) => ({ ...fact, record: { ...fact.record, payment_id: paymentId } })),
  };
}

function rowOf({ payments, inferences }: Story): object {
  const [subject] = subjectsOf(payments, ({ payment_id: id }) => id);
  if (subject === undefined) throw new Error('no payment');
  const read = inferences.map((fact) => ({ fact, copies: 0, counts: true }));
  return toRow(subject, linkedTo(read)(subject));
}

/** What the core says of the records appended up to K, and of nothing else. */
function splitAt({ payments, inferences }: Story, knownAtMs: number): PaymentSplit | null {
  const isKnown = ({ position }: { position: PaymentFact['position'] }): boolean => position.appendedAtMs <= knownAtMs;
  const own = firstCopies(payments).counting.filter(isKnown);
  const known = inferences.filter(isKnown);
  if (own.length === 0) return null;
  return splitPayment(paymentOf(own), {
    byId: (id) => known.find(({ record }) => record.inference_id === id),
    bySession: (session) => known.filter(({ record }) => record.session_id === session),
  });
}

function said({ payment, parts, unlinked, findings }: PaymentSplit): object {
  return {
    state: payment.state,
    amount: payment.amount.toString(),
    settled: payment.settledAt?.toString() ?? null,
    settled_appended: payment.settledAppendedAtMs?.toString() ?? null,
    refunded: payment.refunded,
    model_id: payment.modelId,
    session_id: payment.sessionId,
    parts: parts.map((part) => [
      part.inferenceId,
      part.modelId,
      part.occurredAt?.toString() ?? null,
      String(part.amount),
    ]),
    unlinked: unlinked.toString(),
    waiting: parts.filter(({ modelId }) => modelId === null).map(({ inferenceId }) => inferenceId),
    findings,
  };
}

const COLUMNS = `state, amount, toUnixTimestamp64Micro(settled_at) AS settled, toUnixTimestamp64Milli(settled_appended_at) AS settled_appended,
  refunded, model_id, session_id,
  arrayMap(p -> [p.inference_id, p.model_id, toString(toUnixTimestamp64Micro(p.occurred_at)), toString(p.amount)], parts) AS parts,
  unlinked, waiting, findings`;

type Row = Readonly<Record<string, unknown>>;

async function viewed(view: string, knownAtMs?: number): Promise<Map<unknown, object>> {
  const rows = await database.select<Row>(
    `SELECT payment_id, ${COLUMNS} FROM ${view}${knownAtMs === undefined ? '' : `(known_at = fromUnixTimestamp64Milli(${knownAtMs}, 'UTC'))`}`,
  );
  return new Map(rows.map(({ payment_id: id, ...row }) => [id, row]));
}

/** Parts by model, of payments that name the model or have one. */
async function viewedOfModels(knownAtMs: number): Promise<object> {
  const rows = await database.select<Row>(
    `SELECT payment_id, model_id, names_model, amount,
       arrayMap(p -> [p.inference_id, toString(p.amount)], parts) AS parts
     FROM model_payments_as_of(known_at = fromUnixTimestamp64Milli(${knownAtMs}, 'UTC')) ORDER BY payment_id, model_id`,
  );
  return rows;
}

function ofModels(splits: ReadonlyMap<string, PaymentSplit>): object {
  return sortedIds(splits.keys()).flatMap((id) => {
    const { payment, parts } = splits.get(id) as PaymentSplit;
    return MODELS.flatMap((model) => {
      const own = parts.filter(({ modelId }) => modelId === model);
      const names = payment.modelId === model;
      if (own.length === 0 && !names) return [];
      const row = { payment_id: id, model_id: model, names_model: names, amount: payment.amount.toString() };
      return [{ ...row, parts: own.map(({ inferenceId, amount }) => [inferenceId, amount.toString()]) }];
    });
  });
}

async function expectViews(stories: ReadonlyMap<string, Story>, ticks: readonly number[]): Promise<void> {
  for (const tick of ticks) {
    const knownAtMs = START_MS + tick;
    const splits = new Map(
      [...stories].flatMap(([id, one]) => {
        const split = splitAt(one, knownAtMs);
        return split === null ? [] : [[id, split] as const];
      }),
    );
    const wanted = new Map([...splits].map(([id, split]) => [id, said(split)]));
    expect(await viewed('payments_as_of', knownAtMs)).toEqual(wanted);
    expect(await viewedOfModels(knownAtMs)).toEqual(ofModels(splits));
    if (tick === TICKS) expect(await viewed('payments')).toEqual(wanted);
  }
}

/** Each moment is that of a record, is there once, and says what is said as of then. */
async function expectRevisions(stories: ReadonlyMap<string, Story>): Promise<void> {
  const revisions = await database.select<Row>(
    `SELECT payment_id, toUnixTimestamp64Milli(known_at) AS known, ${COLUMNS} FROM payment_revisions`,
  );
  const times = new Set(revisions.map((row) => `${String(row['payment_id'])} ${String(row['known'])}`));
  expect(times.size).toBe(revisions.length);
  for (const { payment_id: id, known, ...row } of revisions) {
    const one = stories.get(id as string) as Story;
    expect(row).toEqual(said(splitAt(one, Number(known)) as PaymentSplit));
    const appended = [...one.payments, ...one.inferences].map(({ position }) => position.appendedAtMs);
    expect(appended).toContain(Number(known));
  }
  for (const [id, one] of stories) {
    for (const { position } of one.payments) expect(times).toContain(`${id} ${String(position.appendedAtMs)}`);
  }
}

it('the views split payments at any K as the core does, also after a merge', async () => {
  const seed = Number(process.env['PROPERTY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`PROPERTY_SEED=${seed}`);
  const told = fc.sample(story, { seed, numRuns: 300 });
  const stories = new Map(told.map((one, i) => [`p${i}`, named(`p${i}`, one)]));
  await database.insert('payment_rows', [...stories.values()].map(rowOf));
  await expectViews(stories, TICKS_ALL);
  await expectRevisions(stories);
  for (const table of TABLES) await database.command(`OPTIMIZE TABLE ${table} FINAL`);
  await expectViews(stories, [2, 7, TICKS]);
});

it('a session of 5,000 inferences that come after their payment is one row of a size that grows with it', async () => {
  const count = 5000;
  const later = Array.from({ length: count }, (_, i): InferenceFact => {
    const record = inferenceRecord(`0x${String(i).padStart(64, '0')}`, { session_id: 's', cost: String(1 + (i % 97)) });
    const position = { partition: 0, offset: BigInt(i), appendedAtMs: START_MS + 1 + i };
    return { record, key: record.inference_id, position };
  });
  const settled = paymentRecord('p', { session_id: 's', amount: (10n ** 18n).toString() });
  const payments = [{ record: settled, key: 'p', position: { partition: 0, offset: 0n, appendedAtMs: START_MS } }];
  const told = { payments, inferences: later };
  const row = rowOf(told);
  expect(JSON.stringify(row).length).toBeLessThan(2_000_000);
  await database.insert('payment_rows', [row]);
  for (const known of [0, 1, count / 2, count - 1, count]) {
    const knownAtMs = START_MS + known;
    const split = splitAt(told, knownAtMs) as PaymentSplit;
    expect((await viewed('payments_as_of', knownAtMs)).get('p')).toEqual(said(split));
    expect(await viewedOfModels(knownAtMs)).toEqual(ofModels(new Map([['p', split]])));
  }
  const [revisions] = await database.select<Row>('SELECT count() AS n FROM payment_revisions');
  expect(revisions).toEqual({ n: String(count + 1) });
});
