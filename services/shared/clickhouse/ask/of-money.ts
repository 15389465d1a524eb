import { paymentShape, taintShape } from '../../core/answer-shape.js';
import { sortedIds } from '../../core/order.js';
import type { ReleasePayments } from '../../core/payments.js';
import type { JsonObject } from '../../core/question.js';
import { classOf, saidOf } from './of-inference.js';
import { coveredCondition, stateOf, type ModelStateAt } from './state.js';
import { AS_OF, dateTime, millis, sumColumns, sumOf, type ViewReader } from './view-reader.js';

interface PaymentRevision {
  readonly known: string;
  readonly state: string;
  readonly amount: string;
  readonly unlinked: string;
  readonly parts: readonly {
    readonly inference_id: string;
    readonly model_id: string | null;
    readonly amount: string;
  }[];
}

export async function paymentAnswer(views: ViewReader, payment: string, knownAtMs: number): Promise<JsonObject> {
  const revisions = await views.rows<PaymentRevision>(
    `SELECT ${millis('known_at', 'known')}, state, amount, unlinked, parts
     FROM payment_revisions WHERE payment_id = {payment:String} ORDER BY known_at`,
    { payment },
  );
  const said = revisions.filter(({ known }) => Number(known) <= knownAtMs).at(-1);
  if (said === undefined) return { payment, status: 'unknown' };
  // By what rows are ordered by: a look-up by id alone would have to search every model.
  const condition = `(model_id, occurred_at) IN (
    SELECT assumeNotNull(p.model_id), assumeNotNull(p.occurred_at) FROM payment_revisions ARRAY JOIN parts AS p
    WHERE payment_id = {payment:String} AND p.model_id IS NOT NULL)`;
  const models = sortedIds(said.parts.flatMap((part) => part.model_id ?? []));
  const [inferences, ...states] = await Promise.all([
    models.length === 0 ? new Map<string, never>() : saidOf(views, { condition, params: { payment }, knownAtMs }),
    ...models.map((model) => stateOf(views, model, knownAtMs)),
  ]);
  const parts = said.parts.map((part) => {
    const state = states[models.indexOf(part.model_id ?? '')];
    const taint = state === undefined ? 'unattributed' : classOf(inferences.get(part.inference_id), state);
    return { inferenceId: part.inference_id, amount: BigInt(part.amount), taint } as const;
  });
  return paymentShape(
    payment,
    { state: said.state, amount: BigInt(said.amount), unlinked: BigInt(said.unlinked) },
    parts,
  );
}

export interface Work {
  readonly model: string;
  readonly release: string;
  /** Only this activation; undefined: the release, in whatever phase. */
  readonly activation?: number;
}

/** Inferences attributed to the release, and ambiguous ones that have it as a candidate, with the activation there. */
const SERVED_BY = `
  SELECT inference_id, occurred_at, target_id, status = 'attributed' AS certain,
    if(certain, activation, arrayFirst(c -> c.release = {release:String}, candidates).activation) AS at_activation
  FROM inferences${AS_OF}
  WHERE model_id = {model:String}
    AND (ifNull(release = {release:String}, false) OR (status = 'ambiguous' AND has(candidates.release, {release:String})))`;

const SETTLED_PARTS = `
  SELECT payment_id, part.inference_id AS inference_id, settled_at, settled_appended_at, refunded, part.amount AS amount
  FROM model_payments${AS_OF} ARRAY JOIN parts AS part WHERE model_id = {model:String} AND settled_at IS NOT NULL`;

/** The two answers about the payments of a release or of one activation, which are never merged. */
export async function paymentsOf(views: ViewReader, work: Work, knownAtMs: number): Promise<ReleasePayments> {
  const state = await stateOf(views, work.model, knownAtMs);
  const isThere = state.activations.some(
    ({ release, number }) => release === work.release && number === work.activation,
  );
  // Nothing belongs to an activation that does not exist.
  const [settledWhileActive, lists] =
    work.activation !== undefined && !isThere
      ? [[], undefined]
      : await Promise.all([settledWhileActiveOf(views, work, state), settledForWorkOf(views, work, state)]);
  return {
    settledWhileActive,
    settledForWork: lists?.work ?? [],
    possible: lists?.possible ?? [],
    late: lists?.late ?? [],
    amount: {
      work: sumOf(lists, 'work_sum'),
      possible: sumOf(lists, 'possible_sum'),
      late: sumOf(lists, 'late_sum'),
    },
  };
}

async function settledWhileActiveOf(
  views: ViewReader,
  { model, release, activation }: Work,
  state: ModelStateAt,
): Promise<readonly string[]> {
  const spans = state.activations.filter(
    (window) => window.release === release && (activation === undefined || window.number === activation),
  );
  if (spans.length === 0) return [];
  const row = await views.row<{ ids: string[] }>(
    `SELECT arraySort(groupArray(payment_id)) AS ids FROM model_payments${AS_OF}
     WHERE model_id = {model:String} AND settled_at IS NOT NULL
       AND arrayExists((spanFrom, spanTo) ->
         toUnixTimestamp64Micro(assumeNotNull(settled_at)) >= spanFrom
         AND toUnixTimestamp64Micro(assumeNotNull(settled_at)) < spanTo,
         {froms:Array(Int64)}, {tos:Array(Int64)})`,
    {
      model,
      known: dateTime(state.knownAtMs),
      froms: spans.map(({ from }) => from),
      tos: spans.map(({ to }) => to ?? Number.MAX_SAFE_INTEGER),
    },
  );
  return row?.ids ?? [];
}

type Lists = Readonly<Record<'work' | 'possible' | 'late', string[]>> & Readonly<Record<string, unknown>>;

function settledForWorkOf(
  views: ViewReader,
  { model, release, activation }: Work,
  state: ModelStateAt,
): Promise<Lists | undefined> {
  const ended = state.activations.filter((window) => window.release === release && window.to !== null);
  return views.row<Lists>(
    `SELECT
       arraySort(groupArrayIf(payment_id, work)) AS work, arraySort(groupArrayIf(payment_id, NOT work)) AS possible,
       arraySort(groupArrayIf(payment_id, is_late)) AS late,
       ${sumColumns('work_sum', 'work_amount')}, ${sumColumns('possible_sum', 'possible_amount')},
       ${sumColumns('late_sum', 'late_amount')}
     FROM (
       SELECT
         payment_id, max(certain) AS work, max(certain AND late) AS is_late,
         sumIf(amount, certain AND NOT refunded) AS work_amount,
         sumIf(amount, NOT certain AND NOT refunded) AS possible_amount,
         sumIf(amount, certain AND late AND NOT refunded) AS late_amount
       FROM (
         SELECT p.payment_id AS payment_id, p.amount AS amount, p.refunded AS refunded, i.certain AS certain,
           arrayExists((number, ended) -> ifNull(i.at_activation = number, false)
             AND toUnixTimestamp64Micro(assumeNotNull(p.settled_at)) >= ended,
             {numbers:Array(UInt32)}, {ends:Array(Int64)}) AS late
         FROM (${SETTLED_PARTS}) AS p INNER JOIN (${SERVED_BY}) AS i ON p.inference_id = i.inference_id
         ${activation === undefined ? '' : 'WHERE i.at_activation = {activation:UInt32}'}
       ) GROUP BY payment_id
     )`,
    {
      model,
      release,
      known: dateTime(state.knownAtMs),
      numbers: ended.map(({ number }) => number),
      ends: ended.map(({ to }) => to ?? 0),
      ...(activation === undefined ? {} : { activation }),
    },
  );
}

export async function taintAnswer(
  views: ViewReader,
  { model, release }: { readonly model: string; readonly release: string },
  knownAtMs: number,
): Promise<JsonObject> {
  const state = await stateOf(views, model, knownAtMs);
  const flagged = state.flaggedReleases.has(release);
  const covered = coveredCondition(state, release);
  if (covered.none) {
    return taintShape({ flagged, certain: [], possible: [], amount: { tainted: 0n, possible: 0n } });
  }
  const params = { model, release, known: dateTime(knownAtMs), ...covered.params };
  const tainted = `SELECT inference_id, certain FROM (${SERVED_BY}) WHERE ${covered.sql}`;
  const [ids, sums] = await Promise.all([
    views.row<Record<'certain' | 'possible', string[]>>(
      `SELECT arraySort(groupArrayIf(inference_id, certain)) AS certain,
         arraySort(groupArrayIf(inference_id, NOT certain)) AS possible FROM (${tainted})`,
      params,
    ),
    views.row<Record<string, unknown>>(
      `SELECT ${sumColumns('tainted', 'amount', 'certain')}, ${sumColumns('possible', 'amount', 'NOT certain')}
       FROM (${SETTLED_PARTS} AND NOT refunded) AS p INNER JOIN (${tainted}) AS i ON p.inference_id = i.inference_id`,
      params,
    ),
  ]);
  return taintShape({
    flagged,
    certain: ids?.certain ?? [],
    possible: ids?.possible ?? [],
    amount: { tainted: sumOf(sums, 'tainted'), possible: sumOf(sums, 'possible') },
  });
}

/** Whether, by append time after this, a covered stale inference was served or a payment with a tainted part settled. */
export async function workAppearedSince(
  views: ViewReader,
  { model, release, closedAtMs }: { model: string; release: string; closedAtMs: number },
  state: ModelStateAt,
): Promise<boolean> {
  const covered = coveredCondition(state, release);
  if (covered.none) return false;
  const params = {
    model,
    release,
    known: dateTime(state.knownAtMs),
    closed: dateTime(closedAtMs),
    ...covered.params,
  };
  const tainted = `FROM inferences${AS_OF} WHERE model_id = {model:String} AND status = 'attributed'
    AND ifNull(release = {release:String}, false) AND ${covered.sql}`;
  const since = "{closed:DateTime64(3, 'UTC')}";
  const rows = await views.rows<object>(
    `SELECT 1 ${tainted} AND ifNull(phase = 'stale', false) AND appended_at > ${since} LIMIT 1
     UNION ALL SELECT 1 FROM (${SETTLED_PARTS}) WHERE settled_appended_at > ${since}
       AND inference_id IN (SELECT inference_id ${tainted}) LIMIT 1`,
    params,
  );
  return rows.length > 0;
}
