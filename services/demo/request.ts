import type { InferenceRecord } from '../../schemas/types.generated.js';
import { inFlagScope, placementOf, sharesAt, type ModelPlan } from './network.js';
import type { Random } from './random.js';

/** What a request leaves behind for others to tell by which release served it. */
export type Evidence =
  | 'blob'
  | 'blob+claim'
  | 'claim'
  | 'shared blob'
  | 'shared blob+claim'
  | 'target'
  | 'target+claim'
  | 'late target'
  | 'wrong claim'
  | 'unknown blob'
  | 'unpublished'
  | 'nothing';

/** A request as it really was, and what can be known of it. */
export interface Request {
  readonly model: ModelPlan;
  readonly record: InferenceRecord;
  /** The release that really served it. */
  readonly servedBy: string | null;
  readonly expected: Served;
  readonly taint: TaintClass;
  /** When its release became known, if that was after the request: a late record of its target. */
  readonly knowableAt: number | null;
}

/** The answer to `served` (SPEC 9). */
export interface Served {
  readonly inference: string;
  readonly status: 'attributed' | 'ambiguous' | 'unattributed';
  readonly release: string | null;
  readonly activation: number | null;
  readonly phase: string | null;
  readonly basis: string | null;
  readonly candidates: readonly { release: string; share_bp: number }[];
  readonly near_boundary: boolean;
  readonly findings: readonly string[];
}

/** Whether the flag that is left in the end covers the request. */
export type TaintClass = 'tainted' | 'possible' | 'clean' | 'unattributed';

export interface RequestPlan {
  readonly model: ModelPlan;
  readonly at: number;
  readonly servedBy: string | null;
  readonly evidence: Evidence;
  readonly agent: string | null;
  readonly session: string | null;
  readonly cost: bigint | null;
  readonly clockErrorMs?: number;
  readonly nearBoundary?: boolean;
}

export const UNPUBLISHED_RELEASE = 'dev-build';

export function makeRequest(random: Random, plan: RequestPlan): Request {
  const clues = cluesOf(random, plan);
  const record: InferenceRecord = {
    event_id: `inf-${random.hex(12).slice(2)}`,
    occurred_at: plan.at,
    source: plan.model.proxied ? 'gateway' : 'inference-node',
    source_ref: null,
    inference_id: random.hex(32),
    model_id: plan.model.id,
    requested_model: plan.model.proxied ? 'auto' : null,
    release: clues.claim,
    blob_id: clues.blob,
    target_id: clues.target,
    agent_id: plan.agent,
    session_id: plan.session,
    request_hash: null,
    output_hash: random.hex(32),
    cost: plan.cost === null ? null : plan.cost.toString(),
    clock_error_ms: plan.clockErrorMs ?? null,
  };
  const expected = servedOf(plan, clues, record.inference_id);
  return {
    model: plan.model,
    record,
    servedBy: plan.servedBy,
    expected,
    taint: taintOf(plan.model, plan.at, expected),
    knowableAt: clues.knowableAt,
  };
}

interface Clues {
  readonly claim: string | null;
  readonly blob: string | null;
  readonly target: string | null;
  readonly basis: string | null;
  readonly findings: readonly string[];
  readonly knowableAt: number | null;
}

const NO_CLUES: Clues = { claim: null, blob: null, target: null, basis: null, findings: [], knowableAt: null };

function cluesOf(random: Random, { model, at, servedBy, evidence }: RequestPlan): Clues {
  if (evidence === 'nothing' || servedBy === null) return NO_CLUES;
  const release = model.releases.get(servedBy);
  const ownBlob = (): string => random.pick(release?.ownBlobs ?? []);
  switch (evidence) {
    case 'blob':
      return { ...NO_CLUES, blob: ownBlob(), basis: 'blob' };
    case 'blob+claim':
      return { ...NO_CLUES, blob: ownBlob(), claim: servedBy, basis: 'blob' };
    case 'claim':
      return { ...NO_CLUES, claim: servedBy, basis: 'claim' };
    case 'shared blob':
      return { ...NO_CLUES, blob: release?.sharedBlob ?? null, basis: 'blob+timeline' };
    case 'shared blob+claim':
      return { ...NO_CLUES, blob: release?.sharedBlob ?? null, claim: servedBy, basis: 'blob+claim' };
    case 'unknown blob':
      return { ...NO_CLUES, blob: random.blobId(), claim: servedBy, basis: 'claim', findings: ['BLOB_UNKNOWN'] };
    case 'unpublished':
      return { ...NO_CLUES, claim: servedBy, basis: 'claim', findings: ['RELEASE_UNKNOWN'] };
    case 'wrong claim': {
      const claim = random.pick([...model.releases.keys()].filter((name) => name !== servedBy));
      if (!model.proxied)
        return { ...NO_CLUES, blob: ownBlob(), claim, basis: 'blob', findings: ['BLOB_CLAIM_CONFLICT'] };
      const clues = targetClues(random, model, { servedBy, at, late: false });
      return { ...clues, claim, findings: [...clues.findings, 'TARGET_CLAIM_CONFLICT'].sort() };
    }
    case 'target':
    case 'late target':
      return targetClues(random, model, { servedBy, at, late: evidence === 'late target' });
    case 'target+claim':
      return { ...targetClues(random, model, { servedBy, at, late: false }), claim: servedBy };
  }
}

function targetClues(
  random: Random,
  model: ModelPlan,
  { servedBy, at, late }: { servedBy: string; at: number; late: boolean },
): Clues {
  const running = model.bindings.filter(
    ({ release, from, to, heardAt }) =>
      release === servedBy && from <= at && (to === null || at < to) && (heardAt !== undefined) === late,
  );
  const { target, unboundAt, heardAt } = random.pick(running);
  const disabled = unboundAt !== undefined && unboundAt <= at;
  return {
    ...NO_CLUES,
    target,
    basis: 'target',
    findings: disabled ? ['TARGET_NOT_ENABLED'] : [],
    knowableAt: heardAt ?? null,
  };
}

/** What anybody can say about the request in the end, by the clues that were planted. */
function servedOf(plan: RequestPlan, clues: Clues, inference: string): Served {
  const shares = Object.entries(sharesAt(plan.model, plan.at)).map(([release, share_bp]) => ({ release, share_bp }));
  const common = { inference, near_boundary: plan.nearBoundary ?? false, findings: clues.findings };
  const timelineTells = clues.basis === null || clues.basis === 'blob+timeline';
  if (timelineTells && shares.length === 0) {
    return {
      ...common,
      status: 'unattributed',
      release: null,
      activation: null,
      phase: null,
      basis: null,
      candidates: [],
    };
  }
  if (timelineTells && shares.length > 1) {
    return {
      ...common,
      status: 'ambiguous',
      release: null,
      activation: null,
      phase: null,
      basis: null,
      candidates: shares,
    };
  }
  const release = plan.servedBy ?? shares[0]?.release ?? '';
  return {
    ...common,
    status: 'attributed',
    release,
    ...placementOf(plan.model, release, plan.at),
    basis: clues.basis ?? 'timeline',
    candidates: [{ release, share_bp: 10_000 }],
  };
}

function taintOf(model: ModelPlan, at: number, served: Served): TaintClass {
  if (served.status === 'unattributed') return 'unattributed';
  const { flag } = model;
  if (flag === null || flag.withdrawnAt !== null) return 'clean';
  return flagWouldCover(model, at, served) ? (served.status === 'ambiguous' ? 'possible' : 'tainted') : 'clean';
}

/** By the scope of the model's flag, while it holds. */
export function flagWouldCover(model: ModelPlan, at: number, served: Served): boolean {
  const { flag } = model;
  if (flag === null || !served.candidates.some(({ release }) => release === flag.release)) return false;
  return inFlagScope(flag, placementOf(model, flag.release, at).activation, at);
}
