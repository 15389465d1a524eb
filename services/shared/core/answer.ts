import { alertsOf, type Alert } from './alerts.js';
import type { AgentClasses } from './agents.js';
import { agentClasses } from './agents-of.js';
import { coversActivation } from './flags.js';
import { incidentOf, type Incident } from './incident.js';
import { compareUtf8, sortedIds } from './order.js';
import type { Payment } from './payment.js';
import { releasePayments } from './payments.js';
import { isOverdue, proofOf } from './proof.js';
import type { Answer, JsonObject, Question } from './question.js';
import type { TaintClass } from './taint.js';
import { isoFromMicros, isoFromMs } from './time.js';
import { activationsOfRelease, trafficAt } from './timeline.js';
import { trailOf } from './trail-answer.js';
import { activationsOf, type Trail } from './trail.js';

/**
 * Answers one question (SPEC 9) from the records as known at the trail's K. A trail that holds only some records
 * must hold all that the answer can depend on.
 */
export function answer(trail: Trail, question: Question): Answer {
  switch (question.ask) {
    case 'timeline':
      return timelineAnswer(trail, question.model, question.at);
    case 'served':
      return servedAnswer(trail, question.inference);
    case 'blob':
      return blobAnswer(trail, question.inference);
    case 'proof':
      return proofAnswer(trail, question.inference);
    case 'agents':
      return agentsAnswer(trail, question.model, question.release, question.activation ?? 1);
    case 'payments':
      return paymentsAnswer(trail, question);
    case 'payment':
      return paymentAnswer(trail, question.payment);
    case 'taint':
      return taintAnswer(trail, question.model, question.release);
    case 'windows':
      return windowsAnswer(trail, question.model);
    case 'incident': {
      const incident = incidentOf(trail, question.model, question.release);
      return incident === null ? { state: 'none' } : incidentFields(incident);
    }
    case 'incidents':
      return incidentsAnswer(trail, question.model === undefined ? trail.releases.models : [question.model]);
    case 'alerts':
      return alertsOf(trail, question.model).map(alertFields);
    case 'trail':
      return trailAnswer(trail, question.inference);
  }
}

function timelineAnswer(trail: Trail, model: string, at: number): JsonObject {
  const traffic = trafficAt(trail.view(model).timeline, at);
  const sorted = [...traffic].sort(([a], [b]) => compareUtf8(a, b));
  return { model, at: isoFromMicros(at), traffic: Object.fromEntries(sorted) };
}

export function servedAnswer(trail: Trail, inference: string): JsonObject {
  const fact = trail.byId(inference);
  if (fact === undefined) return { inference, status: 'unknown' };
  const verdict = trail.verdict(fact);
  return {
    inference,
    status: verdict.status,
    release: verdict.release,
    activation: verdict.activation,
    phase: verdict.phase,
    basis: verdict.basis,
    candidates: verdict.candidates.map(({ release, share_bp }) => ({ release, share_bp })),
    near_boundary: verdict.nearBoundary,
    findings: verdict.findings,
  };
}

export function blobAnswer(trail: Trail, inference: string): JsonObject {
  const fact = trail.byId(inference);
  if (fact === undefined) return { inference, status: 'unknown' };
  const { blobStatus, blobReleases } = trail.verdict(fact);
  return { inference, blob_id: fact.record.blob_id, status: blobStatus, releases: blobReleases };
}

export function proofAnswer(trail: Trail, inference: string): JsonObject {
  const verdict = proofOf(trail.proofs.get(inference) ?? []);
  const inferenceAt = trail.byId(inference)?.record.occurred_at ?? null;
  return {
    inference,
    path: verdict.path,
    state: verdict.state,
    verified_at: verdict.verifiedAt === null ? null : isoFromMicros(verdict.verifiedAt),
    unverifiable_since: verdict.unverifiableSince === null ? null : isoFromMicros(verdict.unverifiableSince),
    overdue: isOverdue(verdict, {
      inferenceAt,
      knownAtMs: trail.knownAtMs,
      deadlineMicros: trail.settings.proofDeadlineMicros,
    }),
  };
}

const NO_AGENTS: AgentClasses = { changed: [], delayed: [], excluded: [], secondary: [] };

function agentsAnswer(trail: Trail, model: string, release: string, number: number): JsonObject {
  const activation = activationsOfRelease(trail.view(model).timeline, release)[number - 1];
  const classes = activation === undefined ? NO_AGENTS : agentClasses(trail, model, activation);
  const withOutcome = (kind: string) => classes.changed.filter(({ outcome }) => outcome.kind === kind);
  const dated = (kind: string) =>
    withOutcome(kind).map(({ agentId, outcome }) => ({ agent: agentId, at: isoFromMicros(outcome.at ?? 0) }));
  return {
    changed: classes.changed.map(({ agentId }) => agentId),
    delayed: classes.delayed.map(({ agentId }) => agentId),
    persisting: withOutcome('persisting').map(({ agentId }) => agentId),
    reverted: dated('reverted'),
    relapsed: dated('relapsed'),
    unknown: withOutcome('unknown').map(({ agentId }) => agentId),
    excluded: classes.excluded.map(({ agentId, reason }) => ({ agent: agentId, reason })),
    secondary: classes.secondary.map(({ agent, depth, via }) => ({ agent, depth, via })),
  };
}

function paymentsAnswer(
  trail: Trail,
  { model, release, activation }: { model: string; release: string; activation?: number },
): JsonObject {
  const found = releasePayments(trail, { modelId: model, release, activation: activation ?? null });
  return {
    settled_while_active: found.settledWhileActive,
    settled_for_work: found.settledForWork,
    possible: found.possible,
    late: found.late,
    amount: {
      work: String(found.amount.work),
      possible: String(found.amount.possible),
      late: String(found.amount.late),
    },
  };
}

/** One payment with its parts, or `status: unknown` if no record of it is known. */
export function paymentAnswer(trail: Trail, paymentId: string): JsonObject {
  const payment = trail.payment(paymentId);
  if (payment === null) return { payment: paymentId, status: 'unknown' };
  const { parts, unlinked } = trail.split(payment);
  const sums: Record<TaintClass, bigint> = { tainted: 0n, possible: 0n, clean: 0n, unattributed: unlinked };
  const classed = parts.map(({ inferenceId, amount }) => {
    const fact = trail.byId(inferenceId);
    const taint = fact === undefined ? 'unattributed' : trail.judgement(fact).taint;
    sums[taint] += amount;
    return { inference: inferenceId, amount: String(amount), class: taint };
  });
  return {
    payment: paymentId,
    state: payment.state,
    amount: String(payment.amount),
    tainted: String(sums.tainted),
    possible: String(sums.possible),
    clean: String(sums.clean),
    unattributed: String(sums.unattributed),
    parts: classed,
  };
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
  return {
    flagged: trail.view(model).flags.some((flag) => flag.release === release),
    certain: sortedIds(certain),
    possible: sortedIds(possible),
    amount: { tainted: String(amount.tainted), possible: String(amount.possible) },
  };
}

/** Settled, and not refunded: only these count in sums. */
function isCounted(payment: Payment): boolean {
  return payment.settledAt !== null && !payment.refunded;
}

function windowsAnswer(trail: Trail, model: string): JsonObject[] {
  const { flags } = trail.view(model);
  return activationsOf(trail, model).map((activation) => ({
    release: activation.release,
    activation: activation.number,
    from: isoFromMicros(activation.from),
    to: activation.to === null ? null : isoFromMicros(activation.to),
    undone_by_rollback: activation.undoneBy !== null,
    restored: activation.restored,
    flagged: flags.some((flag) => coversActivation(flag, activation)),
  }));
}

function incidentsAnswer(trail: Trail, models: readonly string[]): JsonObject[] {
  return models.flatMap((model) =>
    trail.view(model).everFlagged.flatMap((release) => {
      const incident = incidentOf(trail, model, release);
      return incident === null ? [] : [{ model, release, ...incidentFields(incident) }];
    }),
  );
}

function incidentFields(incident: Incident): JsonObject {
  return {
    state: incident.state,
    activations: incident.activations,
    contained_at: incident.containedAt === null ? null : isoFromMicros(incident.containedAt),
    recovered_at: incident.recoveredAt === null ? null : isoFromMicros(incident.recoveredAt),
    linked: incident.linked,
  };
}

function alertFields(alert: Alert): JsonObject {
  return {
    kind: alert.kind,
    release: alert.release,
    subject: alert.subject,
    raised_at: isoFromMs(alert.raisedAtMs),
    state: alert.state,
    retroactive: alert.retroactive,
    late: alert.late,
  };
}

function trailAnswer(trail: Trail, inference: string): JsonObject {
  const fact = trail.byId(inference);
  const { payments, alerts, changes, records } = trailOf(trail, inference);
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
    alerts: alerts.map(alertFields),
    records,
  };
}
