import type { AlertHistory } from './alert-ledger.js';
import { alertsOf, type StaleSpan } from './alerts.js';
import { compareEventOrder, compareLogOrder, compareUtf8, sortedIds } from './order.js';
import { linksOf } from './payment.js';
import type { JsonObject } from './question.js';
import type { Fact, InferenceFact, Stream } from './record.js';
import { isoFromMicros, isoFromMs } from './time.js';
import type { Trail } from './trail.js';

/** What hangs on one inference, and the position of every record that the answer rests on. */
export function trailOf(
  trail: Trail,
  inference: string,
  stale?: readonly StaleSpan[],
): { payments: string[]; alerts: AlertHistory[]; changes: JsonObject[]; records: JsonObject[] } {
  const fact = trail.byId(inference);
  const modelId = fact?.record.model_id;
  const payments = paymentsLinkedTo(trail, inference);
  const changes = changesCausedBy(trail, inference, fact?.record.agent_id ?? null);
  const alerts = modelId === undefined ? [] : alertsAbout(trail, modelId, { inference, payments, stale });
  // The split and the classes of a payment rest on every inference it links to, and on what released their models.
  const linked = payments.flatMap((id) => linkedInferences(trail, id));
  const inferences = [...new Set(fact === undefined ? linked : [fact, ...linked])];
  const models = sortedIds(inferences.map(({ record }) => record.model_id));
  const records: JsonObject[] = [
    ...positions(
      'releases',
      models.flatMap((id) => trail.view(id).facts),
    ),
    ...positions('inferences', inferences),
    ...positions('proofs', trail.proofs.get(inference) ?? []),
    ...positions('agents', changes),
    ...positions(
      'payments',
      payments.flatMap((id) => trail.paymentFacts.get(id) ?? []),
    ),
  ];
  return {
    payments,
    alerts,
    changes: changes.map(({ record }) => ({
      agent: record.agent_id,
      change: record.change_id,
      action: record.action,
      kind: record.kind,
      at: isoFromMicros(record.occurred_at),
      caused: record.caused_by.includes(inference),
    })),
    records,
  };
}

function linkedInferences(trail: Trail, paymentId: string): InferenceFact[] {
  const payment = trail.payment(paymentId);
  return payment === null ? [] : linksOf(payment, trail).flatMap(({ inferenceId }) => trail.byId(inferenceId) ?? []);
}

function paymentsLinkedTo(trail: Trail, inference: string): string[] {
  return trail.payments
    .filter((payment) => linksOf(payment, trail).some((link) => link.inferenceId === inference))
    .map((payment) => payment.paymentId)
    .sort(compareUtf8);
}

/** Changes that name the inference as a cause, and those of the agent that made it. */
function changesCausedBy(trail: Trail, inference: string, agentId: string | null) {
  return trail.agents
    .filter(({ record }) => record.caused_by.includes(inference) || record.agent_id === agentId)
    .sort(compareEventOrder);
}

function alertsAbout(
  trail: Trail,
  modelId: string,
  about: { inference: string; payments: readonly string[]; stale: readonly StaleSpan[] | undefined },
): AlertHistory[] {
  const fact = trail.byId(about.inference);
  if (fact === undefined) return [];
  const verdict = trail.verdict(fact);
  return alertsOf(trail, modelId, about.stale).filter(({ kind, release, subject }) =>
    kind === 'SETTLED_ON_FLAGGED'
      ? about.payments.includes(subject)
      : kind === 'STALE_SERVING' &&
        verdict.phase === 'stale' &&
        release === verdict.release &&
        subject === String(verdict.activation),
  );
}

function positions(
  stream: Stream,
  facts: readonly Fact<{ readonly event_id: string; readonly occurred_at: number }>[],
): JsonObject[] {
  return [...facts].sort(compareLogOrder).map(({ record, position }) => ({
    topic: `opengradient.${stream}.v1`,
    partition: position.partition,
    offset: String(position.offset),
    event_id: record.event_id,
    occurred_at: isoFromMicros(record.occurred_at),
    appended_at: isoFromMs(position.appendedAtMs),
  }));
}
