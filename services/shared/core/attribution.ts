import type { InferenceRecord } from '../../../schemas/types.generated.js';
import { compareUtf8 } from './order.js';
import type { ModelView } from './release-log.js';
import { splitByWeight } from './split.js';
import { MICROS_PER_MS } from './time.js';
import { activationsOfRelease, trafficAt, type Activation, type Timeline } from './timeline.js';

export type Status = 'attributed' | 'ambiguous' | 'unattributed';
export type Basis = 'target' | 'blob' | 'blob+claim' | 'blob+timeline' | 'claim' | 'timeline';
export type Phase = 'active' | 'stale' | 'premature' | 'never';
export type BlobStatus = 'matched' | 'unknown' | 'not_applicable';

export interface Candidate {
  readonly release: string;
  readonly share_bp: number;
  /** The activation the inference would belong to if this release served it; as for an attributed one. */
  readonly activation: number | null;
}

/** Which release served an inference, as known at one moment (SPEC 5), and where its blob belongs (SPEC 6). */
export interface InferenceVerdict {
  readonly status: Status;
  readonly release: string | null;
  /** The activation it belongs to: the one that contains its time or, when stale, the last that ended. */
  readonly activation: number | null;
  readonly phase: Phase | null;
  readonly basis: Basis | null;
  readonly candidates: readonly Candidate[];
  readonly nearBoundary: boolean;
  readonly findings: readonly string[];
  readonly blobStatus: BlobStatus;
  readonly blobReleases: readonly string[];
}

type Decision = { readonly release: string; readonly basis: Basis } | { readonly among: readonly string[] };

export function attribute(inference: InferenceRecord, view: ModelView): InferenceVerdict {
  const at = inference.occurred_at;
  const target = inference.target_id === null ? null : view.targetAt(inference.target_id, at);
  const blobReleases = inference.blob_id === null ? [] : view.releasesOfBlob(inference.blob_id);
  const claim = inference.release;
  const traffic = trafficAt(view.timeline, at);

  const findings: string[] = [];
  if (target && !target.enabled) findings.push('TARGET_NOT_ENABLED');
  if (inference.blob_id !== null && blobReleases.length === 0) findings.push('BLOB_UNKNOWN');
  if (claim !== null && !view.knowsRelease(claim)) findings.push('RELEASE_UNKNOWN');
  if (target && blobReleases.length > 0 && !blobReleases.includes(target.release)) {
    findings.push('TARGET_BLOB_CONFLICT');
  }
  if (target && claim !== null && target.release !== claim) findings.push('TARGET_CLAIM_CONFLICT');
  if (claim !== null && blobReleases.length > 0 && !blobReleases.includes(claim)) findings.push('BLOB_CLAIM_CONFLICT');

  const decision = decide(target?.release ?? null, blobReleases, claim, [...traffic.keys()]);
  const known = {
    nearBoundary: isNearBoundary(view.timeline, at, inference.clock_error_ms ?? 0),
    findings: findings.sort(compareUtf8),
    blobStatus: blobStatus(inference, blobReleases),
    blobReleases,
  };
  if ('release' in decision) {
    const { phase, activation } = phaseOf(view.timeline, decision.release, at);
    const number = activation?.number ?? null;
    const candidates = [{ release: decision.release, share_bp: 10_000, activation: number }];
    return { status: 'attributed', ...decision, activation: number, phase, candidates, ...known };
  }
  const nothing = { release: null, activation: null, phase: null, basis: null };
  const status = decision.among.length === 0 ? 'unattributed' : 'ambiguous';
  return { status, ...nothing, candidates: candidatesAmong(decision.among, view.timeline, at), ...known };
}

/** The order of evidence: target, blob (helped by claim or timeline), claim, timeline. */
function decide(
  target: string | null,
  blobReleases: readonly string[],
  claim: string | null,
  inTraffic: readonly string[],
): Decision {
  if (target !== null) return { release: target, basis: 'target' };
  const [blobRelease] = blobReleases;
  if (blobRelease !== undefined) {
    if (blobReleases.length === 1) return { release: blobRelease, basis: 'blob' };
    if (claim !== null && blobReleases.includes(claim)) return { release: claim, basis: 'blob+claim' };
    const running = blobReleases.filter((release) => inTraffic.includes(release));
    const [only] = running;
    return only !== undefined && running.length === 1
      ? { release: only, basis: 'blob+timeline' }
      : { among: blobReleases };
  }
  if (claim !== null) return { release: claim, basis: 'claim' };
  const [only] = inTraffic;
  return only !== undefined && inTraffic.length === 1 ? { release: only, basis: 'timeline' } : { among: inTraffic };
}

function blobStatus(inference: InferenceRecord, releases: readonly string[]): BlobStatus {
  if (inference.blob_id === null) return 'not_applicable';
  return releases.length > 0 ? 'matched' : 'unknown';
}

/** Traffic shares restricted to the candidates, scaled to 10000; equal parts if none of them has traffic. */
function candidatesAmong(releases: readonly string[], timeline: Timeline, at: number): Candidate[] {
  if (releases.length === 0) return [];
  const traffic = trafficAt(timeline, at);
  const shares = releases.map((id) => ({ id, weight: BigInt(traffic.get(id) ?? 0) }));
  const parts = splitByWeight(10_000n, shares);
  return [...parts]
    .map(([release, share]) => {
      const { activation } = phaseOf(timeline, release, at);
      return { release, share_bp: Number(share), activation: activation?.number ?? null };
    })
    .sort((a, b) => compareUtf8(a.release, b.release));
}

/** Where a time stands among the activations of a release; also for a candidate, as if it were attributed. */
export function phaseOf(
  timeline: Timeline,
  release: string,
  at: number,
): { phase: Phase; activation: Activation | null } {
  let ended: Activation | null = null;
  let later = false;
  for (const activation of activationsOfRelease(timeline, release)) {
    if (activation.from > at) later = true;
    else if (activation.to === null || at < activation.to) return { phase: 'active', activation };
    else ended = activation;
  }
  if (ended !== null) return { phase: 'stale', activation: ended };
  return { phase: later ? 'premature' : 'never', activation: null };
}

function isNearBoundary(timeline: Timeline, at: number, clockErrorMs: number): boolean {
  if (clockErrorMs <= 0) return false;
  return timeline.changes.some((change) => Math.abs(change - at) <= clockErrorMs * MICROS_PER_MS);
}
