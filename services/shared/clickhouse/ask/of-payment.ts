import { paymentShape } from '../../core/answer-shape.js';
import { groupBy } from '../../core/group.js';
import { sortedIds } from '../../core/order.js';
import type { JsonObject } from '../../core/question.js';
import { classOf, saidAt, storiesOf, type Story } from './of-inference.js';
import { stateOf } from './state.js';
import { AS_OF, dateTime, millis, type ViewReader } from './view-reader.js';

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
  const said = await views.batched('payment', { payment, knownAtMs }, (asked) => saidOf(views, asked));
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

interface Asked {
  readonly payment: string;
  readonly knownAtMs: number;
}

/** What was said of each payment as known at its moment. At one moment the as-of view computes that alone. */
async function saidOf(views: ViewReader, asked: readonly Asked[]): Promise<(PaymentRevision | undefined)[]> {
  const moments = new Set(asked.map(({ knownAtMs }) => knownAtMs));
  const [knownAtMs = 0] = moments;
  const payments = [...new Set(asked.map(({ payment }) => payment))];
  const rows = await views.rows<PaymentRevision>(
    `SELECT payment_id, ${millis('known_at', 'known')}, state, amount, unlinked, parts
     FROM ${moments.size > 1 ? 'payment_revisions' : `payments${AS_OF}`}
     WHERE payment_id IN {payments:Array(String)} ORDER BY known_at`,
    { payments, ...(moments.size > 1 ? {} : { known: dateTime(knownAtMs) }) },
  );
  const found = groupBy(rows, (row) => row.payment_id);
  return asked.map((one) => found.get(one.payment)?.findLast(({ known }) => Number(known) <= one.knownAtMs));
}

/** The inferences that payments may ever have had parts for; all of them for each payment. */
async function paidBy(views: ViewReader, payments: readonly string[]): Promise<ReadonlyMap<string, Story>[]> {
  // By what rows are ordered by: a look-up by id alone would have to search every model.
  const condition = `(model_id, occurred_at) IN (
    SELECT model_id, occurred_at FROM payment_links WHERE payment_id IN {payments:Array(String)})`;
  const stories = await storiesOf(views, condition, { payments });
  return payments.map(() => stories);
}
