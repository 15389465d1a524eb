import { raisedAtMs, type AlertHistory } from './alert-ledger.js';
import type { AgentClasses } from './agents.js';
import type { InferenceVerdict } from './attribution.js';
import type { Incident } from './incident.js';
import { compareUtf8 } from './order.js';
import type { ReleasePayments } from './payments.js';
import type { ProofVerdict } from './proof.js';
import type { JsonObject } from './question.js';
import type { TaintClass } from './taint.js';
import { isoFromMicros, isoFromMs } from './time.js';

/** Answers as SPEC 9 names their fields, from values: wherever these were computed, in memory or by views. */

export function timelineShape(model: string, at: number, traffic: ReadonlyMap<string, number>): JsonObject {
  const sorted = [...traffic].sort(([a], [b]) => compareUtf8(a, b));
  return { model, at: isoFromMicros(at), traffic: Object.fromEntries(sorted) };
}

/** Of an inference without a record. */
export function unknownShape(inference: string): JsonObject {
  return { inference, status: 'unknown' };
}

export function servedShape(
  inference: string,
  verdict: Omit<InferenceVerdict, 'blobStatus' | 'blobReleases'>,
): JsonObject {
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

export function blobShape(
  inference: string,
  blob: Pick<InferenceVerdict, 'blobStatus' | 'blobReleases'> & { readonly blobId: string | null },
): JsonObject {
  return { inference, blob_id: blob.blobId, status: blob.blobStatus, releases: blob.blobReleases };
}

export function proofShape(inference: string, verdict: ProofVerdict, overdue: boolean): JsonObject {
  return {
    inference,
    path: verdict.path,
    state: verdict.state,
    verified_at: isoOrNull(verdict.verifiedAt),
    unverifiable_since: isoOrNull(verdict.unverifiableSince),
    overdue,
  };
}

export function agentsShape(classes: AgentClasses): JsonObject {
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

export function paymentsShape(found: ReleasePayments): JsonObject {
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

/** One payment with its classed parts; what no link takes is unattributed. */
export function paymentShape(
  paymentId: string,
  payment: { readonly state: string; readonly amount: bigint; readonly unlinked: bigint },
  parts: readonly { readonly inferenceId: string; readonly amount: bigint; readonly taint: TaintClass }[],
): JsonObject {
  const sums: Record<TaintClass, bigint> = { tainted: 0n, possible: 0n, clean: 0n, unattributed: payment.unlinked };
  for (const { taint, amount } of parts) sums[taint] += amount;
  return {
    payment: paymentId,
    state: payment.state,
    amount: String(payment.amount),
    tainted: String(sums.tainted),
    possible: String(sums.possible),
    clean: String(sums.clean),
    unattributed: String(sums.unattributed),
    parts: parts.map(({ inferenceId, amount, taint }) => ({
      inference: inferenceId,
      amount: String(amount),
      class: taint,
    })),
  };
}

/** @param ids sorted by UTF-8 bytes */
export function taintShape(taint: {
  readonly flagged: boolean;
  readonly certain: readonly string[];
  readonly possible: readonly string[];
  readonly amount: { readonly tainted: bigint; readonly possible: bigint };
}): JsonObject {
  const { flagged, certain, possible, amount } = taint;
  return {
    flagged,
    certain,
    possible,
    amount: { tainted: String(amount.tainted), possible: String(amount.possible) },
  };
}

export function windowShape(window: {
  readonly release: string;
  readonly number: number;
  readonly from: number;
  readonly to: number | null;
  readonly undone: boolean;
  readonly restored: string | null;
  readonly flagged: boolean;
}): JsonObject {
  return {
    release: window.release,
    activation: window.number,
    from: isoFromMicros(window.from),
    to: isoOrNull(window.to),
    undone_by_rollback: window.undone,
    restored: window.restored,
    flagged: window.flagged,
  };
}

export function incidentShape(incident: Omit<Incident, 'release'>): JsonObject {
  return {
    state: incident.state,
    activations: incident.activations,
    contained_at: isoOrNull(incident.containedAt),
    recovered_at: isoOrNull(incident.recoveredAt),
    linked: incident.linked,
  };
}

/** An alert as its history leaves it. */
export function alertShape(alert: AlertHistory): JsonObject {
  return {
    kind: alert.kind,
    release: alert.release,
    subject: alert.subject,
    raised_at: isoFromMs(raisedAtMs(alert)),
    state: alert.states.at(-1)?.state ?? 'resolved',
    retroactive: alert.retroactive,
    late: alert.late,
  };
}

function isoOrNull(micros: number | null): string | null {
  return micros === null ? null : isoFromMicros(micros);
}
