import type { PaymentRecord } from '../../schemas/types.generated.js';
import { paymentHistory, type Revision } from '../shared/core/histories.js';
import { sortedIds } from '../shared/core/order.js';
import type { PaymentSplit } from '../shared/core/payment.js';
import type { Row } from '../shared/runtime/definition.js';
import type { Subject } from '../shared/runtime/subjects.js';
import type { Linked } from './linked.js';

/** The row of one payment in `payment_rows`; void while every record of it is a copy that does not count. */
export function toRow({ id, counting, copies, weight }: Subject<PaymentRecord>, linked: Linked): Row {
  const facts = weight + linked.records;
  // Every model that a record names: none may be missing in a row with more knowledge, else the row of that model stayed.
  const ownModels = copies.flatMap(({ record }) => record.model_id ?? []);
  const models = sortedIds([...ownModels, ...linked.models]);
  const knowledge = { payment_id: id, facts, version: facts + linked.copies, models };
  const history = counting.length === 0 ? [] : paymentHistory(counting, linked.inferences);
  const newest = history.at(-1);
  if (newest === undefined) {
    const row = { ...knowledge, known_at: 0, void: true };
    return row;
  }
  const row = {
    ...knowledge,
    ...toColumns(newest),
    earlier: history.slice(0, -1).map(toColumns),
  };
  return row;
}

function toColumns({ knownAtMs, value }: Revision<PaymentSplit>): Row {
  const { payment, parts, unlinked, findings } = value;
  const columns = {
    known_at: knownAtMs,
    asset: payment.asset,
    network: payment.network,
    payer: payment.payer,
    payee: payment.payee,
    state: payment.state,
    amount: payment.amount.toString(),
    settled_at: payment.settledAt,
    settled_appended_at: payment.settledAppendedAtMs,
    refunded: payment.refunded,
    model_id: payment.modelId,
    session_id: payment.sessionId,
    parts: parts.map(({ inferenceId, modelId, occurredAt, amount }) => ({
      inference_id: inferenceId,
      model_id: modelId,
      occurred_at: occurredAt,
      amount: amount.toString(),
    })),
    unlinked: unlinked.toString(),
    waiting: parts.filter(({ modelId }) => modelId === null).map(({ inferenceId }) => inferenceId),
    findings,
  };
  return columns;
}
