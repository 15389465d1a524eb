import { byRaised, type AlertHistory } from '../../core/alert-ledger.js';
import { alertsOf, type StaleSpan } from '../../core/alerts.js';
import { alertShape } from '../../core/answer-shape.js';
import { answer } from '../../core/answer.js';
import { sortedIds } from '../../core/order.js';
import type { Answer, Question } from '../../core/question.js';
import type { ReleaseFact } from '../../core/record.js';
import { Trail, type Records, type TrailSettings } from '../../core/trail.js';
import {
  everTainted,
  flaggedReleases,
  releasesOf,
  settlementEvidence,
  slicesOf,
  staleSpans,
} from './alert-evidence.js';
import { saidOfOne } from './of-inference.js';
import type { ViewReader } from './view-reader.js';

/** Questions about when something became true depend on all that was ever known: the core folds the records themselves. */

interface Settings {
  readonly knownAtMs: number;
  readonly settings: TrailSettings;
}

type Evidence = Pick<Records, 'payments' | 'inferences'>;

/** Payments are judged slice by slice: what they are for may be millions of records. */
export async function alertsAnswer(
  views: ViewReader,
  model: string,
  { knownAtMs, settings }: Settings,
): Promise<Answer> {
  // What is not known yet at K raises nothing: before the first flag there is nothing else to read.
  const releases = (await releasesOf(views, model)).filter(({ position }) => position.appendedAtMs <= knownAtMs);
  const flagged = flaggedReleases(releases);
  if (flagged.length === 0) return [];
  const of = { model, flagged };
  const [paymentIds, stale] = await Promise.all([everTainted(views, of), staleSpans(views, of)]);
  const judged = (evidence: Evidence, spans: readonly StaleSpan[]): AlertHistory[] => {
    const records: Records = { releases, ...evidence, proofs: [], agents: [] };
    return alertsOf(Trail.of(records, knownAtMs, settings), model, spans);
  };
  const histories = judged({ payments: [], inferences: [] }, stale);
  const slices = slicesOf(paymentIds);
  for (const slice of slices) {
    // What is one slice is kept for the next question; of a hundred none is.
    const evidence = await settlementEvidence(slices.length > 1 ? views.apart() : views, model, slice);
    histories.push(...judged(evidence, []).filter(({ kind }) => kind === 'SETTLED_ON_FLAGGED'));
  }
  return histories.sort(byRaised).map(alertShape);
}

/** Inferences that the payments meeting a condition may ever have had a part for, by what rows are ordered by. */
function linkedBy(payments: string): string {
  return `(model_id, occurred_at, inference_id) IN (
    SELECT model_id, occurred_at, inference_id FROM payment_links WHERE ${payments})`;
}

/** Everything about one inference, with the records it rests on. */
export async function trailAnswer(
  views: ViewReader,
  question: Extract<Question, { readonly ask: 'served' | 'blob' | 'proof' | 'trail' }>,
  { knownAtMs, settings }: Settings,
): Promise<Answer> {
  const { inference } = question;
  const params = { inference };
  const the = 'inference_id = {inference:String}';
  const own = await views.records('inferences', the, params);
  const sessions = sortedIds(own.flatMap(({ record }) => record.session_id ?? []));
  const paid = `payment_id IN (
    SELECT payment_id FROM payment_names
    WHERE (kind = 'inference' AND ref = {inference:String}) OR (kind = 'session' AND ref IN {sessions:Array(String)})
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
  const inferences = [...new Map([...own, ...linked].map((fact) => [fact.record.inference_id, fact])).values()];
  const models = sortedIds(inferences.map(({ record }) => record.model_id));
  const releases = await views.records('releases', 'has({models:Array(String)}, model_id)', { models });
  const stale = await staleSpansAbout(views, { inference, knownAtMs, releases });
  const records: Records = { releases, inferences, payments, proofs, agents };
  return answer(Trail.of(records, knownAtMs, settings), question, stale);
}

/** Only the activation that the inference is a straggler of has an alert that concerns it. */
async function staleSpansAbout(
  views: ViewReader,
  about: { readonly inference: string; readonly knownAtMs: number; readonly releases: readonly ReleaseFact[] },
): Promise<StaleSpan[]> {
  const said = await saidOfOne(views, about.inference, about.knownAtMs);
  if (said?.phase !== 'stale' || said.release === null || said.activation === null) return [];
  const model = said.modelId;
  const flagged = flaggedReleases(about.releases.filter(({ record }) => record.model_id === model));
  if (!flagged.includes(said.release)) return [];
  return staleSpans(
    views,
    { model, flagged, activation: said.activation, release: said.release },
    'activation = {activation:UInt32} AND release = {release:String}',
  );
}
