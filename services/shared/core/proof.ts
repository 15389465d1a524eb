import type { ProofPath } from '../../../schemas/types.generated.js';
import { compareEventOrder } from './order.js';
import type { ProofFact } from './record.js';
import { MICROS_PER_MS, MINUTE_MICROS } from './time.js';

/** Which proof path verified an inference, as known at one moment (SPEC 6, Proof). */
export interface ProofVerdict {
  readonly state: 'verified' | 'failed' | 'pending' | 'none';
  readonly path: ProofPath | null;
  readonly verifiedAt: number | null;
  /** When the proof that verified it could no longer be checked; `verified` stands nevertheless. */
  readonly unverifiableSince: number | null;
}

export const PROOF_DEADLINE_MICROS = 20 * MINUTE_MICROS;

const DECIDING = [
  ['VERIFIED', 'verified'],
  ['FAILED', 'failed'],
  ['SUBMITTED', 'pending'],
] as const;

/** @param facts the proof records of one inference, in any order */
export function proofOf(facts: readonly ProofFact[]): ProofVerdict {
  const ordered = [...facts].sort(compareEventOrder);
  for (const [recordState, state] of DECIDING) {
    const i = ordered.findIndex((fact) => fact.record.state === recordState);
    const deciding = ordered[i]?.record;
    if (deciding === undefined) continue;
    if (state !== 'verified') return { state, path: deciding.path, verifiedAt: null, unverifiableSince: null };
    const revoked = ordered
      .slice(i + 1)
      .find(({ record }) => record.state === 'UNVERIFIABLE' && record.proof_id === deciding.proof_id);
    return {
      state,
      path: deciding.path,
      verifiedAt: deciding.occurred_at,
      unverifiableSince: revoked?.record.occurred_at ?? null,
    };
  }
  return { state: 'none', path: null, verifiedAt: null, unverifiableSince: null };
}

/** Whether a proof that should be there by K is not. `inferenceAt` is null while no record of the inference is known. */
export function isOverdue(
  verdict: ProofVerdict,
  times: { inferenceAt: number | null; knownAtMs: number; deadlineMicros: number },
): boolean {
  if (times.inferenceAt === null || (verdict.state !== 'pending' && verdict.state !== 'none')) return false;
  return times.knownAtMs * MICROS_PER_MS > times.inferenceAt + times.deadlineMicros;
}
