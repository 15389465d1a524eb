import { answer } from '../../core/answer.js';
import { sortedIds } from '../../core/order.js';
import type { Answer, Question } from '../../core/question.js';
import { Trail, type Records, type TrailSettings } from '../../core/trail.js';
import type { ViewReader } from './view-reader.js';

const THE_MODEL = 'model_id = {model:String}';
const NO_RECORDS: Records = { releases: [], inferences: [], proofs: [], payments: [], agents: [] };

/** When an alert became true depends on all that was ever known, so the records themselves are folded. */
export async function alertsAnswer(
  views: ViewReader,
  model: string,
  { knownAtMs, settings }: { knownAtMs: number; settings: TrailSettings },
): Promise<Answer> {
  const records = { ...NO_RECORDS, ...(await alertRecords(views, model)) };
  return answer(Trail.of(records, knownAtMs, settings), { ask: 'alerts', model });
}

type AlertRecords = Pick<Records, 'releases' | 'inferences' | 'payments'>;

/** Of a model: its releases, the payments ever linked to it with all that they name, and what was ever stale. */
async function alertRecords(views: ViewReader, model: string): Promise<AlertRecords> {
  const releases = await views.records('releases', THE_MODEL, { model });
  const flagged = sortedIds(
    releases.flatMap(({ record }) => (record.action === 'FLAGGED' && record.release !== null ? [record.release] : [])),
  );
  if (flagged.length === 0) return { releases, inferences: [], payments: [] };
  const paid = 'payment_id IN (SELECT payment_id FROM payments WHERE has(models, {model:String}))';
  const [payments, inferences] = await Promise.all([
    views.records('payments', paid, { model }),
    views.records(
      'inferences',
      `${linkedBy(paid)} OR (${THE_MODEL} AND inference_id IN (
         SELECT inference_id FROM inference_revisions
         WHERE ${THE_MODEL} AND phase = 'stale' AND has({flagged:Array(String)}, assumeNotNull(release))))`,
      { model, flagged },
    ),
  ]);
  return { releases, inferences, payments };
}

/** Inferences that the payments meeting a condition ever named, by id or session. */
function linkedBy(payments: string): string {
  return `(
    inference_id IN (SELECT a.inference_id FROM payment_records ARRAY JOIN allocations AS a WHERE ${payments})
    OR session_id IN (SELECT session_id FROM payment_records WHERE ${payments})
  )`;
}

/** Everything about one inference, with the records it rests on. */
export async function trailAnswer(
  views: ViewReader,
  question: Extract<Question, { readonly ask: 'served' | 'blob' | 'proof' | 'trail' }>,
  { knownAtMs, settings }: { knownAtMs: number; settings: TrailSettings },
): Promise<Answer> {
  const { inference } = question;
  const params = { inference };
  const the = 'inference_id = {inference:String}';
  const own = await views.records('inferences', the, params);
  const sessions = sortedIds(own.flatMap(({ record }) => record.session_id ?? []));
  const paid = `payment_id IN (
    SELECT payment_id FROM payment_records WHERE has({sessions:Array(String)}, assumeNotNull(session_id)) AND session_id IS NOT NULL
    UNION DISTINCT SELECT payment_id FROM payment_records ARRAY JOIN allocations AS a WHERE a.inference_id = {inference:String}
  )`;
  const agentIds = sortedIds(own.flatMap(({ record }) => record.agent_id ?? []));
  const [payments, linked, proofs, agents] = await Promise.all([
    views.records('payments', paid, { ...params, sessions }),
    views.records('inferences', linkedBy(paid), { ...params, sessions }),
    views.records('proofs', the, params),
    views.records('agents', 'has(caused_by, {inference:String}) OR has({agents:Array(String)}, agent_id)', {
      ...params,
      agents: agentIds,
    }),
  ]);
  const models = sortedIds([...own, ...linked].map(({ record }) => record.model_id));
  const releases = await views.records('releases', 'has({models:Array(String)}, model_id)', { models });
  const works: AlertRecords[] = [];
  for (const model of sortedIds(own.map(({ record }) => record.model_id))) {
    works.push(await alertRecords(views, model));
  }
  const records: Records = {
    releases,
    inferences: distinct([...own, ...linked, ...works.flatMap((work) => work.inferences)]),
    payments: distinct([...payments, ...works.flatMap((work) => work.payments)]),
    proofs,
    agents,
  };
  return answer(Trail.of(records, knownAtMs, settings), question);
}

/** Each record once, though several statements gave it. */
function distinct<T extends { readonly position: { readonly partition: number; readonly offset: bigint } }>(
  facts: readonly T[],
): T[] {
  return [...new Map(facts.map((fact) => [`${fact.position.partition} ${fact.position.offset}`, fact])).values()];
}
