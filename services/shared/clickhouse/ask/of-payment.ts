import { paymentShape } from '../../core/answer-shape.js';
import { groupBy } from '../../core/group.js';
import { sortedIds } from '../../core/order.js';
import type { JsonObject } from '../../core/question.js';
import { classOf, saidAt, storiesOf, type Story } from './of-inference.js';
import { stateOf } from './state.js';
import { millis, type ViewReader } from './view-reader.js';

interface PaymentRevision {
  readonly payment_id: string;
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
  const revisions = await views.batched('payment', payment, (payments) => revisionsOf(views, payments));
  const said = revisions.findLast(({ known }) => Number(known) <= knownAtMs);
  if (said === undefined) return { payment, status: 'unknown' };
  const models = sortedIds(said.parts.flatMap((part) => part.model_id ?? []));
  const [inferences, ...states] = await Promise.all([
    models.length === 0 ? undefined : views.batched('paid', payment, (payments) => paidBy(views, payments)),
    ...models.map((model) => stateOf(views, model, knownAtMs)),
  ]);
  const parts = said.parts.map((part) => {
    const state = states[models.indexOf(part.model_id ?? '')];
    const taint =
      state === undefined ? 'unattributed' : classOf(saidAt(inferences?.get(part.inference_id), knownAtMs), state);
    return { inferenceId: part.inference_id, amount: BigInt(part.amount), taint } as const;
  });
  return paymentShape(
    payment,
    { state: said.state, amount: BigInt(said.amount), unlinked: BigInt(said.unlinked) },
    parts,
  );
}

/** Of each payment, oldest first. */
async function revisionsOf(views: ViewReader, payments: readonly string[]): Promise<PaymentRevision[][]> {
  const rows = await views.rows<PaymentRevision>(
    `SELECT payment_id, ${millis('known_at', 'known')}, state, amount, unlinked, parts
     FROM payment_revisions WHERE payment_id IN {payments:Array(String)} ORDER BY known_at`,
    { payments },
  );
  const found = groupBy(rows, (row) => row.payment_id);
  return payments.map((payment) => found.get(payment) ?? []);
}

/** The inferences that payments ever had parts for; all of them for each payment. */
async function paidBy(views: ViewReader, payments: readonly string[]): Promise<ReadonlyMap<string, Story>[]> {
  // By what rows are ordered by: a look-up by id alone would have to search every model.
  const condition = `(model_id, occurred_at) IN (
    SELECT assumeNotNull(p.model_id), assumeNotNull(p.occurred_at) FROM payment_revisions ARRAY JOIN parts AS p
    WHERE payment_id IN {payments:Array(String)} AND p.model_id IS NOT NULL)`;
  const stories = await storiesOf(views, condition, { payments });
  return payments.map(() => stories);
}
