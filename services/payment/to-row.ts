import type { PaymentRecord } from '../../schemas/types.generated.js';
import { sortedIds } from '../shared/core/order.js';
import { paymentHistory, type Linked, type OwnRevision } from '../shared/core/payment-history.js';
import type { Payment, PaymentPart } from '../shared/core/payment.js';
import type { Row } from '../shared/runtime/definition.js';
import type { Subject } from '../shared/runtime/subjects.js';
import type { LinkedRecords } from './linked.js';

/** The row of one payment in `payment_rows`; void while every record of it is a copy that does not count. */
export function toRow({ id, counting, copies, weight }: Subject<PaymentRecord>, linked: LinkedRecords): Row {
  const facts = weight + linked.records;
  // Every model that a record names: none may be missing in a row with more knowledge, else the row of that model stayed.
  const ownModels = copies.flatMap(({ record }) => record.model_id ?? []);
  const models = sortedIds([...ownModels, ...linked.models]);
  const knowledge = { payment_id: id, facts, version: facts + linked.copies, models };
  if (counting.length === 0) return { ...knowledge, known_at: 0, void: true } as Row;
  const history = paymentHistory(counting, linked.inferences);
  const { payment, parts, unlinked, findings } = history.newest;
  const row = {
    ...knowledge,
    known_at: history.knownAtMs,
    ...toColumns(payment),
    parts: parts.map(partColumns),
    unlinked: unlinked.toString(),
    waiting: parts.filter(({ modelId }) => modelId === null).map(({ inferenceId }) => inferenceId),
    findings,
    waits_since: history.waitsSinceMs,
    own: history.own.map(ownColumns),
    linked: history.linked.map(linkedColumns),
  };
  return row;
}

function toColumns(payment: Payment): object {
  return {
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
  };
}

function partColumns({ inferenceId, modelId, occurredAt, amount }: PaymentPart): object {
  return { inference_id: inferenceId, model_id: modelId, occurred_at: occurredAt, amount: amount.toString() };
}

function ownColumns({ knownAtMs, payment, findings, bySession, rest, links }: OwnRevision): object {
  return {
    known_at: knownAtMs,
    ...toColumns(payment),
    findings,
    by_session: bySession,
    rest: rest.toString(),
    links: links.map(({ linked, amount }) => ({ is_link: linked, amount: amount?.toString() ?? null })),
  };
}

function linkedColumns({ inferenceId, modelId, occurredAt, cost, sinceMs }: Linked): object {
  return {
    inference_id: inferenceId,
    model_id: modelId,
    occurred_at: occurredAt,
    cost: cost?.toString() ?? null,
    since: sinceMs,
  };
}
