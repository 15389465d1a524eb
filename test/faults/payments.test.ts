import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';

import { linkedTo } from '../../services/payment/linked.js';
import { toRow } from '../../services/payment/to-row.js';
import { clickHouseStore } from '../../services/shared/clickhouse/store.js';
import { firstCopies, firstInferences } from '../../services/shared/core/identity.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { subjectsOf } from '../../services/shared/runtime/subjects.js';
import { TestNetwork, waitUntil } from '../integration/services.fixture.js';
import { inferenceRecord, paymentRecord, START_MICROS } from '../unit/runtime/records.fixture.js';

const SESSIONS = Array.from({ length: 60 }, (_, i) => `s${i}`);
const PER_SESSION = 10;
const INFERENCES = SESSIONS.flatMap((session_id, s) =>
  Array.from({ length: PER_SESSION }, (_, i) =>
    inferenceRecord(`${session_id} ${i}`, { session_id, occurred_at: START_MICROS + s, cost: String(i) }),
  ),
);
/** The second of each session again, under the event of its first: which of these counts is a matter of who came first. */
const COPIES = SESSIONS.map((session_id) =>
  inferenceRecord(`${session_id} 1`, { session_id, event_id: `event of ${session_id} 0`, cost: '1000' }),
);
const PAYMENTS = SESSIONS.flatMap((session_id) => [
  paymentRecord(`session ${session_id}`, { session_id }),
  paymentRecord(`allocated ${session_id}`, {
    allocations: [0, 1, 9].map((i) => ({ inference_id: `${session_id} ${i}`, amount: null })),
  }),
]);

let network: TestNetwork;
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await network.close();
});

function spawnPaymentService(): ChildProcess {
  const main = join(packageRoot(), 'services', 'payment', 'main.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', main], {
    cwd: packageRoot(),
    env: { ...process.env, ...network.env, PORT: '0' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
  return child;
}

/** Everything that is in the tables is complete, as far as these two services are concerned. */
async function complete(): Promise<void> {
  const isComplete = async (): Promise<boolean> => {
    const [row] = await network.select<{ complete: number }>(
      `SELECT (SELECT min(complete_until) FROM progress WHERE service IN ('inference', 'payment'))
         > (SELECT max(appended_at) FROM inference_rows) AS complete`,
    );
    const applied = await network.count('SELECT DISTINCT partition, offset FROM inference_rows');
    return row?.complete === 1 && applied === INFERENCES.length + COPIES.length;
  };
  // Members that were killed are missed only after their session has run out, one after the other.
  for (let patience = 2; patience > 0; patience -= 1) {
    await waitUntil('their group goes on', isComplete).catch(() => undefined);
  }
  await waitUntil('everything is linked', isComplete);
}

/** The row of each payment, as the core makes it of the records that count. */
async function expected(): Promise<Map<string, string>> {
  const store = clickHouseStore(network.database, 10_000);
  const ids = PAYMENTS.map((record) => record.payment_id);
  const [payments, facts] = await Promise.all([
    store.payments.records({ ids }),
    store.payments.inferences({ ids: [], sessions: SESSIONS }),
  ]);
  const counting = firstInferences(firstCopies(facts.map(({ fact }) => fact)).counting);
  const find = linkedTo([...counting.values()].map((fact) => ({ fact, copies: 0, counts: true })));
  const rows = subjectsOf(payments, (record) => record.payment_id).map((subject) => toRow(subject, find(subject)));
  return new Map(rows.map((row) => [(row as unknown as Columns)['payment_id'] as string, said(row as never)]));
}

type Columns = Readonly<Record<string, unknown>>;

/** Everything that was ever said of it follows from these. */
function said({ known_at, parts, waiting, own, linked }: Columns): string {
  return JSON.stringify([
    Number(known_at),
    (parts as Columns[]).map(({ inference_id, model_id, amount }) => [inference_id, model_id, amount]),
    waiting,
    (own as Columns[]).map(({ known_at: from, links }) => [Number(from), links]),
    (linked as Columns[]).map(({ inference_id, cost, since }) => [
      inference_id,
      cost,
      since === null ? null : Number(since),
    ]),
  ]);
}

it('payments find every inference that counts, before or after it, though their service is killed again and again', async () => {
  network = await TestNetwork.create({ BATCH_ROWS_MAX: '50', SESSION_TIMEOUT_MS: '6000' });
  await network.send('inferences', INFERENCES.slice(0, 200));
  await network.send('payments', PAYMENTS);
  const [first] = [spawnPaymentService(), await network.start('inferences')];
  const rows = 'SELECT payment_id FROM payment_rows';
  await waitUntil('rows are written', async () => (await network.count(rows)) > 0);
  expect(await network.count('SELECT * FROM waiting_payments')).toBeGreaterThan(0);
  first.kill('SIGKILL');
  const second = spawnPaymentService();
  await network.send('inferences', [...COPIES.slice(0, 30), ...INFERENCES.slice(200, 400)]);
  spawnPaymentService();
  await waitUntil('somebody links', async () => {
    return (await network.count("SELECT 1 FROM progress WHERE service = 'payment' AND length(linked) > 0")) > 0;
  });
  second.kill('SIGKILL');
  await network.send('inferences', [...INFERENCES.slice(400), ...COPIES.slice(30)]);
  await complete();

  const written = await network.select<Columns>(
    `SELECT payment_id, toUnixTimestamp64Milli(known_at) AS known_at, parts, waiting,
       arrayMap(o -> (toUnixTimestamp64Milli(o.known_at), o.links)
         ::Tuple(known_at Int64, links Array(Tuple(is_link Bool, amount Nullable(UInt256)))), own) AS own,
       arrayMap(l -> (l.inference_id, l.cost, toUnixTimestamp64Milli(l.since))
         ::Tuple(inference_id String, cost Nullable(UInt256), since Nullable(Int64)), linked) AS linked
     FROM payment_rows FINAL`,
  );
  const wanted = await expected();
  expect(wanted.size).toBe(PAYMENTS.length);
  expect(new Map(written.map((row) => [row['payment_id'], said(row)]))).toEqual(wanted);
  // Of some inferences the only record is a copy of an event that was about another first: nothing is known of them.
  const waiting = [...wanted].filter(([, row]) => (JSON.parse(row) as unknown[][])[2]?.length !== 0).map(([id]) => id);
  const shown = await network.select<{ payment_id: string }>('SELECT payment_id FROM waiting_payments');
  expect(shown.map((row) => row.payment_id).sort()).toEqual(waiting.sort());
}, 150_000);
