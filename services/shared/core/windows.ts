import { agentClasses } from './agents-of.js';
import { coversActivation } from './flags.js';
import { proofOf } from './proof.js';
import { releasePayments, type ReleasePayments } from './payments.js';
import type { AgentClasses } from './agents.js';
import type { Activation } from './timeline.js';
import { activationsOf, type Trail } from './trail.js';

/** Everything that belongs to one activation, counted (SPEC 7, Window): a pure function of the trail. */
export interface Window {
  readonly modelId: string;
  readonly activation: Activation;
  readonly flagged: boolean;
  readonly inferences: { readonly active: number; readonly stale: number; readonly possible: number };
  /** Of the inferences attributed to it: how many per `path state`, such as `TEE verified`; `none` has no path. */
  readonly proofs: ReadonlyMap<string, number>;
  readonly agents: AgentClasses;
  readonly payments: ReleasePayments;
}

/** The windows of a model as known at the trail's K, by (from, release). */
export function windowsOf(trail: Trail, modelId: string): Window[] {
  const { flags } = trail.view(modelId);
  const counts = countInferences(trail, modelId);
  return activationsOf(trail, modelId).map((activation) => {
    const { release, number } = activation;
    const count = counts.get(keyOf(release, number)) ?? emptyCount();
    return {
      modelId,
      activation,
      flagged: flags.some((flag) => coversActivation(flag, activation)),
      inferences: { active: count.active, stale: count.stale, possible: count.possible },
      proofs: count.proofs,
      agents: agentClasses(trail, modelId, activation),
      payments: releasePayments(trail, { modelId, release, activation: number }),
    };
  });
}

interface Count {
  active: number;
  stale: number;
  possible: number;
  readonly proofs: Map<string, number>;
}

function emptyCount(): Count {
  return { active: 0, stale: 0, possible: 0, proofs: new Map() };
}

function countInferences(trail: Trail, modelId: string): Map<string, Count> {
  const counts = new Map<string, Count>();
  const countOf = (release: string, number: number): Count => {
    const key = keyOf(release, number);
    const count = counts.get(key) ?? emptyCount();
    counts.set(key, count);
    return count;
  };
  for (const fact of trail.ofModel(modelId)) {
    const verdict = trail.verdict(fact);
    const { releases } = trail.judgement(fact);
    if (verdict.status === 'ambiguous') {
      for (const { release, activation } of releases) if (activation) countOf(release, activation.number).possible += 1;
      continue;
    }
    if (verdict.release === null || verdict.activation === null) continue;
    const count = countOf(verdict.release, verdict.activation);
    count[verdict.phase === 'stale' ? 'stale' : 'active'] += 1;
    const proof = proofOf(trail.proofs.get(fact.record.inference_id) ?? []);
    const key = proof.path === null ? proof.state : `${proof.path} ${proof.state}`;
    count.proofs.set(key, (count.proofs.get(key) ?? 0) + 1);
  }
  return counts;
}

function keyOf(release: string, number: number): string {
  return `${number} ${release}`;
}
