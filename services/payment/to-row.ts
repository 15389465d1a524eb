import type { PaymentRecord } from '../../schemas/types.generated.js';
import { paymentHistory, type Revision } from '../shared/core/histories.js';
import { compareEventOrder } from '../shared/core/order.js';
import type { PaymentSplit } from '../shared/core/payment.js';
import type { Row } from '../shared/runtime/definition.js';
import type { Subject } from '../shared/runtime/subjects.js';
import type { Linked } from './linked.js';

/** The row of one payment in `payment_rows`; void while every record of it is a copy that does not count. */
export function toRow({ id, counting, weight }: Subject<PaymentRecord>, linked: Linked): Row {
  const latest = [...counting].sort(compareEventOrder).at(-1)?.record;
  const facts = weight + linked.weight;
  const history = latest === undefined ? [] : paymentHistory(counting, linked.inferences);
  const newest = history.pop();
  if (latest === undefined || newest === undefined) {
    return { payment_id: id, void: true, known_at: 0, facts, version: facts } as Row;
  }
  const known = new Set(linked.inferences.map((fact) => fact.record.inference_id));
  const links = newest.value.parts.map((part) => part.inferenceId);
  const row = {
    payment_id: id,
    asset: latest.asset,
    network: latest.network,
    payer: latest.payer,
    payee: latest.payee,
    ...toColumns(newest),
    waiting: links.filter((link) => !known.has(link)),
    earlier: history.map(toColumns),
    facts,
    version: facts,
  };
  return row;
}

function toColumns({ knownAtMs, value }: Revision<PaymentSplit>): Row {
  const { payment, parts, unlinked, findings } = value;
  const columns = {
    known_at: knownAtMs,
    state: payment.state,
    amount: payment.amount.toString(),
    settled_at: payment.settledAt,
    settled_appended_at: payment.settledAppendedAtMs,
    refunded: payment.refunded,
    model_id: payment.modelId,
    session_id: payment.sessionId,
    parts: parts.map(({ inferenceId, amount }) => ({ inference_id: inferenceId, amount: amount.toString() })),
    unlinked: unlinked.toString(),
    findings,
  };
  return columns;
}
