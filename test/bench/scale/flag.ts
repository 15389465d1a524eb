import { asker } from '../../../services/shared/clickhouse/ask/ask.js';
import type { ClickHouse } from '../../../services/shared/clickhouse/client.js';
import { elapsedMs, sleep } from '../../../services/shared/clock.js';
import type { Answer, Question } from '../../../services/shared/core/question.js';
import { flagOf, FLAGGED_MODEL, GROUP, modelNumberOf, paymentId, type Network } from './network.js';
import type { Loader } from './load.js';

export interface FlagFigure {
  /** Inferences that the flag covers. */
  readonly covered: number;
  /** Milliseconds from the acknowledged append until an answer shows it, the answer's own time included. */
  readonly shownAfterMs: Readonly<Record<'windows' | 'payment' | 'taint' | 'window_reports', number>>;
  /** Settled payments with a part that it covers, and the time until the alerts topic has an alert of each. */
  readonly alerts: { readonly count: number; readonly outAfterMs: number };
}

const LOOK_EVERY_MS = 20;
const GIVE_UP_MS = 120_000;
const ALERTS_LOOK_EVERY_MS = 500;
const ALERTS_GIVE_UP_MS = 600_000;

/** Declares a release bad after the fact, and asks until the answers say so. */
export async function flagLater(database: ClickHouse, loader: Loader, network: Network): Promise<FlagFigure> {
  const of = { model: FLAGGED_MODEL, release: 'v2' };
  const payment = paymentId(paidGroup(network), network);
  let covered = 0;
  await loader.send('releases', [flagOf(network)]);
  const sentMs = elapsedMs();
  const until = async (shown: () => Promise<boolean>): Promise<number> => {
    while (!(await shown())) {
      if (elapsedMs() - sentMs > GIVE_UP_MS) return Number.NaN;
      await sleep(LOOK_EVERY_MS);
    }
    return elapsedMs() - sentMs;
  };
  const asked = (question: Question, says: (answer: Answer) => boolean): Promise<number> =>
    until(async () => says(await asker(database)(question)));
  const [windows, paid, taint, reports, alerts] = await Promise.all([
    asked({ ask: 'windows', model: of.model }, (answer) =>
      (answer as unknown as { release: string; flagged: boolean }[]).some((row) => row.release === 'v2' && row.flagged),
    ),
    asked({ ask: 'payment', payment }, (answer) => (answer as { tainted?: string }).tainted !== '0'),
    asked({ ask: 'taint', ...of }, (answer) => {
      covered = (answer as unknown as { certain: string[] }).certain.length;
      return covered > 0;
    }),
    until(async () => {
      const rows = await database.select(
        `SELECT 1 FROM window_reports WHERE model_id = {model:String} AND release = {release:String} AND flagged LIMIT 1`,
        of,
      );
      return rows.length > 0;
    }),
    alertsOut(database, of, sentMs),
  ]);
  return { alerts, covered, shownAfterMs: { windows, payment: paid, taint, window_reports: reports } };
}

async function alertsOut(
  database: ClickHouse,
  of: { readonly model: string; readonly release: string },
  sentMs: number,
): Promise<FlagFigure['alerts']> {
  const numberOf = async (sql: string): Promise<number> =>
    Number((await database.select<{ n: string }>(`SELECT uniqExact(payment) AS n FROM (${sql})`, of))[0]?.n);
  const due = `SELECT payment_id AS payment FROM settled_work
    WHERE model_id = {model:String} AND release = {release:String} AND certain AND covered AND NOT refunded`;
  const out = `SELECT subject AS payment FROM alerts
    WHERE model_id = {model:String} AND release = {release:String} AND kind = 'SETTLED_ON_FLAGGED'
      AND alert_id IN (SELECT alert_id FROM alert_messages)`;
  let count = 0;
  while (elapsedMs() - sentMs < ALERTS_GIVE_UP_MS) {
    count ||= await numberOf(due);
    if (count > 0 && (await numberOf(out)) >= count) return { count, outAfterMs: elapsedMs() - sentMs };
    await sleep(ALERTS_LOOK_EVERY_MS);
  }
  return { count, outAfterMs: Number.NaN };
}

/** A group of the flagged model, from the middle of the history, when v2 had all of its traffic. */
function paidGroup(network: Network): number {
  const middle = Math.floor(network.inferences / 2 / GROUP);
  for (let group = middle; ; group += 1) {
    // Those that come back are not settled for good.
    if (modelNumberOf(group * GROUP, network) === 0 && group % 20 !== 7) return group;
  }
}
