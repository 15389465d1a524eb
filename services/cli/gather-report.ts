import type {
  AgentsAnswer,
  AlertAnswer,
  IncidentAnswer,
  IncidentReport,
  ModelReport,
  PaymentsAnswer,
  ServedAnswer,
  TaintAnswer,
  UnknownReport,
  WindowAnswer,
} from '../demo/incident-report.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import type { Answer, Question } from '../shared/core/question.js';

/** Asks about one moment of the tables, as known at one K. */
export type Ask = (question: Question) => Promise<Answer>;

export async function gatherModel(database: ClickHouse, askAny: Ask, model: string): Promise<ModelReport> {
  const ask = async <A>(question: Question): Promise<A> => (await askAny(question)) as unknown as A;
  const windows = await ask<readonly WindowAnswer[]>({ ask: 'windows', model });
  const found = await ask<readonly IncidentAnswer[]>({ ask: 'incidents', model });
  const alerts = found.length === 0 ? [] : await ask<readonly AlertAnswer[]>({ ask: 'alerts', model });
  const incidents: IncidentReport[] = [];
  for (const incident of found) {
    const { release } = incident;
    // A withdrawn flag covers nothing any more; what happened in the release's windows is told all the same.
    const numbers =
      incident.activations.length > 0
        ? incident.activations
        : windows.flatMap((window) => (window.release === release ? [window.activation] : []));
    const agents: IncidentReport['agents'][number][] = [];
    for (const activation of numbers) {
      agents.push({ activation, ...(await ask<AgentsAnswer>({ ask: 'agents', model, release, activation })) });
    }
    const taint = await ask<TaintAnswer>({ ask: 'taint', model, release });
    incidents.push({
      incident,
      ...(await servedCounts(database, model, release)),
      agents,
      payments: await ask<PaymentsAnswer>({ ask: 'payments', model, release }),
      taint,
      alerts: alerts.filter((alert) => alert.release === release),
    });
  }
  return { model, windows, incidents };
}

/** Questions 1 to 3 over all requests of a release, from the views that analysts use. */
async function servedCounts(
  database: ClickHouse,
  model: string,
  release: string,
): Promise<Pick<IncidentReport, 'served' | 'blobs' | 'proofs' | 'example'>> {
  const params = { model, release };
  const ofRelease = `FROM inferences WHERE model_id = {model:String} AND release = {release:String}`;
  const served = await database.select<{ activation: number | null; phase: string; requests: string }>(
    `SELECT activation, phase, count() AS requests ${ofRelease} GROUP BY activation, phase ORDER BY activation, phase`,
    params,
  );
  const blobs = await database.select<{ blob_id: string | null; requests: string }>(
    `SELECT blob_id, count() AS requests ${ofRelease} GROUP BY blob_id ORDER BY requests DESC, blob_id`,
    params,
  );
  const proofs = await database.select<{ state: string; path: string | null; requests: string }>(
    `SELECT if(p.state = '', 'none', p.state) AS state, p.path AS path, count() AS requests
     FROM (SELECT inference_id ${ofRelease}) AS i LEFT JOIN proofs AS p ON p.inference_id = i.inference_id
     GROUP BY state, path ORDER BY requests DESC, state, path`,
    params,
  );
  // The one that a person should see: a straggler before anything else, one with a finding before one without.
  const examples = await database.select<Omit<ServedAnswer, 'inference'> & { inference_id: string }>(
    `SELECT inference_id, status, release, activation, phase, basis, findings ${ofRelease}
     ORDER BY phase = 'stale' DESC, length(findings) DESC, occurred_at, inference_id LIMIT 1`,
    params,
  );
  const counted = <T extends { requests: string }>(rows: readonly T[]) =>
    rows.map((row) => ({ ...row, requests: Number(row.requests) }));
  const [first] = examples;
  const example = first === undefined ? null : { ...first, inference: first.inference_id };
  return { served: counted(served), blobs: counted(blobs), proofs: counted(proofs), example };
}

const LOW_HALF = 2n ** 128n - 1n;

/** What stays open about these models. */
export async function gatherUnknown(
  database: ClickHouse,
  models: readonly string[],
): Promise<Omit<UnknownReport, 'dead_letters'>> {
  const params = { models };
  const own = `SELECT inference_id, status FROM inferences WHERE model_id IN {models:Array(String)}`;
  const [requests] = await database.select<{ ambiguous: string; unattributed: string; pending: string }>(
    `SELECT countIf(i.status = 'ambiguous') AS ambiguous, countIf(i.status = 'unattributed') AS unattributed,
       countIf(p.state = 'pending') AS pending
     FROM (${own}) AS i LEFT JOIN proofs AS p ON p.inference_id = i.inference_id`,
    params,
  );
  const ofModels = `payment_id IN (
    SELECT payment_id FROM payments ARRAY JOIN parts AS part
    WHERE part.inference_id IN (SELECT inference_id FROM inferences WHERE model_id IN {models:Array(String)})
  )`;
  const [payments] = await database.select<{ waiting: string }>(
    `SELECT countIf(notEmpty(waiting)) AS waiting FROM payments WHERE ${ofModels}`,
    params,
  );
  // UInt256 would wrap a sum that it cannot hold, so halves are summed apart and put together where integers have no end.
  const [money] = await database.select<{ high: string; low: string }>(
    `WITH settled AS (SELECT * FROM payments WHERE settled_at IS NOT NULL AND NOT refunded AND ${ofModels})
     SELECT sum(bitShiftRight(amount, 128)) AS high, sum(bitAnd(amount, toUInt256('${LOW_HALF}'))) AS low FROM (
       SELECT unlinked AS amount FROM settled
       UNION ALL
       SELECT part.amount AS amount FROM settled ARRAY JOIN parts AS part
       WHERE part.inference_id NOT IN (SELECT inference_id FROM inferences WHERE status != 'unattributed')
     )`,
    params,
  );
  return {
    ambiguous: Number(requests?.ambiguous ?? 0),
    unattributed: Number(requests?.unattributed ?? 0),
    pending: Number(requests?.pending ?? 0),
    waiting: Number(payments?.waiting ?? 0),
    unattributed_amount: String((BigInt(money?.high ?? 0) << 128n) + BigInt(money?.low ?? 0)),
  };
}
