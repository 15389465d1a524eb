import { alertsOf, type StaleSpan } from './alerts.js';
import type { AgentClasses } from './agents.js';
import { agentClasses } from './agents-of.js';
import { coversActivation } from './flags.js';
import {
  agentsShape,
  alertShape,
  blobShape,
  incidentShape,
  paymentShape,
  paymentsShape,
  proofShape,
  servedShape,
  taintShape,
  timelineShape,
  unknownShape,
  windowShape,
} from './answer-shape.js';
import { incidentOf } from './incident.js';
import { sortedIds } from './order.js';
import type { Payment } from './payment.js';
import { releasePayments } from './payments.js';
import { isOverdue, proofOf } from './proof.js';
import type { Answer, JsonObject, Question } from './question.js';
import { isoFromMicros } from './time.js';
import { activationsOfRelease, trafficAt } from './timeline.js';
import { trailOf } from './trail-answer.js';
import { activationsOf, type Trail } from './trail.js';

/**
 * Answers one question (SPEC 9) from the records as known at the trail's K. A trail that holds only some records
 * must hold all that the answer can depend on.
 * @param stale for questions about alerts, see alertsOf
 */
export function answer(trail: Trail, question: Question, stale?: readonly StaleSpan[]): Answer {
  switch (question.ask) {
    case 'timeline':
      return timelineShape(question.model, question.at, trafficAt(trail.view(question.model).timeline, question.at));
    case 'served':
      return servedAnswer(trail, question.inference);
    case 'blob':
      return blobAnswer(trail, question.inference);
    case 'proof':
      return proofAnswer(trail, question.inference);
    case 'agents':
      return agentsAnswer(trail, question.model, question.release, question.activation ?? 1);
    case 'payments':
      return paymentsShape(
        releasePayments(trail, {
          modelId: question.model,
          release: question.release,
          activation: question.activation ?? null,
        }),
      );
    case 'payment':
      return paymentAnswer(trail, question.payment);
    case 'taint':
      return taintAnswer(trail, question.model, question.release);
    case 'windows':
      return windowsAnswer(trail, question.model);
    case 'incident': {
      const incident = incidentOf(trail, question.model, question.release);
      return incident === null ? { state: 'none' } : incidentShape(incident);
    }
    case 'incidents':
      return incidentsAnswer(trail, question.model === undefined ? trail.releases.models : [question.model]);
    case 'alerts':
      return alertsOf(trail, question.model, stale).map(alertShape);
    case 'trail':
      return trailAnswer(trail, question.inference, stale);
  }
}

export function servedAnswer(trail: Trail, inference: string): JsonObject {
  const fact = trail.byId(inference);
  return fact === undefined ? unknownShape(inference) : servedShape(inference, trail.verdict(fact));
}

export function blobAnswer(trail: Trail, inference: string): JsonObject {
  const fact = trail.byId(inference);
  if (fact === undefined) return unknownShape(inference);
  return blobShape(inference, { blobId: fact.record.blob_id, ...trail.verdict(fact) });
}

export function proofAnswer(trail: Trail, inference: string): JsonObject {
  const verdict = proofOf(trail.proofs.get(inference) ?? []);
  const overdue = isOverdue(verdict, {
    inferenceAt: trail.byId(inference)?.record.occurred_at ?? null,
    knownAtMs: trail.knownAtMs,
    deadlineMicros: trail.settings.proofDeadlineMicros,
  });
  return proofShape(inference, verdict, overdue);
}

const NO_AGENTS: AgentClasses = { changed: [], delayed: [], excluded: [], secondary: [] };

function agentsAnswer(trail: Trail, model: string, release: string, number: number): JsonObject {
  const activation = activationsOfRelease(trail.view(model).timeline, release)[number - 1];
  return agentsShape(activation === undefined ? NO_AGENTS : agentClasses(trail, model, activation));
}

/** One payment with its parts, or `status: unknown` if no record of it is known. */
export function paymentAnswer(trail: Trail, paymentId: string): JsonObject {
  const payment = trail.payment(paymentId);
  if (payment === null) return { payment: paymentId, status: 'unknown' };
  const { parts, unlinked } = trail.split(payment);
  const classed = parts.map(({ inferenceId, amount }) => {
    const fact = trail.byId(inferenceId);
    return { inferenceId, amount, taint: fact === undefined ? 'unattributed' : trail.judgement(fact).taint } as const;
  });
  return paymentShape(paymentId, { ...payment, unlinked }, classed);
}

function taintAnswer(trail: Trail, model: string, release: string): JsonObject {
  const certain = new Set<string>();
  const possible = new Set<string>();
  for (const fact of trail.ofModel(model)) {
    const { taint, releases } = trail.judgement(fact);
    if (!releases.some((exposed) => exposed.release === release && exposed.coveredBy.length > 0)) continue;
    (taint === 'tainted' ? certain : possible).add(fact.record.inference_id);
  }
  const amount = { tainted: 0n, possible: 0n };
  for (const payment of trail.payments.filter(isCounted)) {
    for (const part of trail.split(payment).parts) {
      if (certain.has(part.inferenceId)) amount.tainted += part.amount;
      if (possible.has(part.inferenceId)) amount.possible += part.amount;
    }
  }
  return taintShape({
    flagged: trail.view(model).flags.some((flag) => flag.release === release),
    certain: sortedIds(certain),
    possible: sortedIds(possible),
    amount,
  });
}

/** Settled, and not refunded: only these count in sums. */
function isCounted(payment: Payment): boolean {
  return payment.settledAt !== null && !payment.refunded;
}

function windowsAnswer(trail: Trail, model: string): JsonObject[] {
  const { flags } = trail.view(model);
  return activationsOf(trail, model).map((activation) =>
    windowShape({
      ...activation,
      undone: activation.undoneBy !== null,
      flagged: flags.some((flag) => coversActivation(flag, activation)),
    }),
  );
}

function incidentsAnswer(trail: Trail, models: readonly string[]): JsonObject[] {
  return models.flatMap((model) =>
    trail.view(model).everFlagged.flatMap((release) => {
      const incident = incidentOf(trail, model, release);
      return incident === null ? [] : [{ model, release, ...incidentShape(incident) }];
    }),
  );
}

function trailAnswer(trail: Trail, inference: string, stale?: readonly StaleSpan[]): JsonObject {
  const fact = trail.byId(inference);
  const { payments, alerts, changes, records } = trailOf(trail, inference, stale);
  return {
    inference,
    status: fact === undefined ? 'unknown' : 'known',
    model: fact?.record.model_id ?? null,
    occurred_at: fact === undefined ? null : isoFromMicros(fact.record.occurred_at),
    release: servedAnswer(trail, inference),
    blob: blobAnswer(trail, inference),
    proof: proofAnswer(trail, inference),
    agent: { agent: fact?.record.agent_id ?? null, changes },
    payments: payments.map((id) => paymentAnswer(trail, id)),
    alerts: alerts.map(alertShape),
    records,
  };
}
