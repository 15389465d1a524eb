import { paymentShape, taintShape } from '../../core/answer-shape.js';
import type { ReleasePayments } from '../../core/payments.js';
import type { JsonObject } from '../../core/question.js';
import type { TaintClass } from '../../core/taint.js';
import { AS_OF, sumColumns, sumOf, type ViewReader } from './view-reader.js';

export async function paymentAnswer(views: ViewReader, payment: string): Promise<JsonObject> {
  const said = await views.row<{ state: string; amount: string; unlinked: string }>(
    `SELECT state, amount, unlinked FROM payments${AS_OF} WHERE payment_id = {payment:String}`,
    { payment },
  );
  if (said === undefined) return { payment, status: 'unknown' };
  const parts = await views.rows<{ inference_id: string; amount: string; class: TaintClass }>(
    `SELECT inference_id, amount, class
     FROM payment_split(known_at = {known:DateTime64(3, 'UTC')}, payment_id = {payment:String}) ORDER BY inference_id`,
    { payment },
  );
  return paymentShape(
    payment,
    { state: said.state, amount: BigInt(said.amount), unlinked: BigInt(said.unlinked) },
    parts.map((part) => ({ inferenceId: part.inference_id, amount: BigInt(part.amount), taint: part.class })),
  );
}

export interface Work {
  readonly model: string;
  readonly release: string;
  /** Only this activation; undefined: the release, in whatever phase. */
  readonly activation?: number;
}

/** The two answers about the payments of a release or of one activation, which are never merged. */
export async function paymentsOf(views: ViewReader, work: Work): Promise<ReleasePayments> {
  const { activation, ...release } = work;
  const mine = `model_id = {model:String} AND release = {release:String}${
    activation === undefined ? '' : ' AND activation = {activation:UInt32}'
  }`;
  const params = { ...release, ...(activation === undefined ? {} : { activation }) };
  const active = views.row<{ ids: string[] }>(
    `SELECT arraySort(groupUniqArray(payment_id)) AS ids FROM settled_while_active${AS_OF} WHERE ${mine}`,
    params,
  );
  const settled = views.row<Lists>(
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
       FROM settled_work${AS_OF} WHERE ${mine} GROUP BY payment_id
     )`,
    params,
  );
  const [{ ids } = { ids: [] }, lists] = await Promise.all([active, settled]);
  return {
    settledWhileActive: ids,
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

type Lists = Readonly<Record<'work' | 'possible' | 'late', string[]>> & Readonly<Record<string, unknown>>;

export async function taintAnswer(views: ViewReader, model: string, release: string): Promise<JsonObject> {
  const params = { model, release };
  const mine = 'model_id = {model:String} AND release = {release:String}';
  const flags = views.row<{ count: string }>(`SELECT count() AS count FROM flags${AS_OF} WHERE ${mine}`, params);
  const ids = views.row<Record<'certain' | 'possible', string[]>>(
    `SELECT
       arraySort(groupUniqArrayIf(inference_id, class = 'certain')) AS certain,
       arraySort(groupUniqArrayIf(inference_id, class = 'possible')) AS possible
     FROM taint${AS_OF} WHERE ${mine}`,
    params,
  );
  const sums = views.row<Record<string, unknown>>(
    `SELECT ${sumColumns('tainted', 'amount', 'certain')}, ${sumColumns('possible', 'amount', 'NOT certain')}
     FROM settled_work${AS_OF} WHERE ${mine} AND covered AND NOT refunded`,
    params,
  );
  const [flagged, found, sum] = await Promise.all([flags, ids, sums]);
  return taintShape({
    flagged: Number(flagged?.count ?? 0) > 0,
    certain: found?.certain ?? [],
    possible: found?.possible ?? [],
    amount: { tainted: sumOf(sum, 'tainted'), possible: sumOf(sum, 'possible') },
  });
}
