import { coveredActivations, coversTime, type Flag } from './flags.js';
import { sortedIds } from './order.js';
import type { ModelLog, ModelView } from './release-log.js';
import { contains, MICROS_PER_MS, overlaps, type Span } from './time.js';
import { activationsOfRelease, trafficAt, type Activation, type Timeline } from './timeline.js';
import type { Trail } from './trail.js';

/** What became of a flagged release (SPEC 7, Incident). */
export interface Incident {
  readonly release: string;
  readonly state: 'withdrawn' | 'active' | 'reopened' | 'closed' | 'contained';
  /** Numbers of the activations that a flag covers. */
  readonly activations: readonly number[];
  readonly containedAt: number | null;
  readonly recoveredAt: number | null;
  readonly linked: readonly string[];
}

/** What the release records alone say of an incident, as known at one moment. */
export interface IncidentBasis {
  readonly release: string;
  /** Whether a flag is left. */
  readonly standing: boolean;
  /** The activations that a flag covers. */
  readonly covered: readonly Activation[];
  readonly containedAt: number | null;
  readonly recoveredAt: number | null;
  readonly linked: readonly string[];
  /** Append time of the close; null while it is not closed. */
  readonly closedAtMs: number | null;
  /** Whether a covered activation began since the close. */
  readonly began: boolean;
}

/** Null if the release was never flagged. */
export function incidentOf(trail: Trail, modelId: string, release: string): Incident | null {
  const basis = incidentBasis(trail.releases.model(modelId), trail.knownAtMs, release);
  if (basis === null) return null;
  const { covered, containedAt, recoveredAt, linked } = basis;
  const state = incidentState(basis, trail.knownAtMs, (closedAtMs) =>
    workAppeared(trail, { modelId, release, closedAtMs }),
  );
  return { release, state, activations: covered.map(({ number }) => number), containedAt, recoveredAt, linked };
}

/** Null if the release was never flagged. */
export function incidentBasis(model: ModelLog, knownAtMs: number, release: string): IncidentBasis | null {
  const view = model.asOf(knownAtMs);
  if (view.firstFlagged(release) === null) return null;
  const flags = view.flags.filter((flag) => flag.release === release);
  const covered = coveredActivations(flags, view.timeline, release);
  const closedAtMs = view.lastClose(release)?.position.appendedAtMs ?? null;
  return {
    release,
    standing: flags.length > 0,
    covered,
    containedAt: covered.at(-1)?.to ?? null,
    recoveredAt: recoveredAt(view, flags, covered),
    linked: linkedReleases(view, covered),
    closedAtMs,
    began: closedAtMs !== null && activationBegan(covered, model.asOf(closedAtMs).timeline, release),
  };
}

/** @param workSince whether work of the release appeared after an append time: only asked where that decides */
export function incidentState(
  {
    standing,
    covered,
    closedAtMs,
    began,
  }: Pick<IncidentBasis, 'standing' | 'closedAtMs' | 'began'> & {
    readonly covered: readonly Span[];
  },
  knownAtMs: number,
  workSince: (closedAtMs: number) => boolean,
): Incident['state'] {
  if (!standing) return 'withdrawn';
  if (covered.some((activation) => contains(activation, knownAtMs * MICROS_PER_MS))) return 'active';
  if (closedAtMs === null) return 'contained';
  return began || workSince(closedAtMs) ? 'reopened' : 'closed';
}

/** A covered activation that overlaps none known at the close, as of its append time. */
function activationBegan(covered: readonly Activation[], known: Timeline, release: string): boolean {
  const before = activationsOfRelease(known, release);
  return covered.some((activation) => !before.some((other) => overlaps(activation, other)));
}

/** A payment with a tainted part settled, or a covered stale inference was served, by append time after the close. */
function workAppeared(
  trail: Trail,
  { modelId, release, closedAtMs }: { modelId: string; release: string; closedAtMs: number },
): boolean {
  const tainted = new Set<string>();
  for (const fact of trail.ofModel(modelId)) {
    const { taint, releases } = trail.judgement(fact);
    if (taint !== 'tainted' || releases[0]?.release !== release) continue;
    if (fact.position.appendedAtMs > closedAtMs && trail.verdict(fact).phase === 'stale') return true;
    tainted.add(fact.record.inference_id);
  }
  return trail.payments.some(
    (payment) =>
      payment.settledAppendedAtMs !== null &&
      payment.settledAppendedAtMs > closedAtMs &&
      trail.split(payment).parts.some(({ inferenceId }) => tainted.has(inferenceId)),
  );
}

/**
 * The first time, after a flag first covers traffic of the release, at which there is traffic and no release in it
 * has a flag covering that time. Only a change of traffic or the end of a flag can bring it about.
 */
function recoveredAt(view: ModelView, flags: readonly Flag[], covered: readonly Activation[]): number | null {
  const starts = covered.flatMap((activation) =>
    flags.flatMap((flag) => {
      const at = Math.max(activation.from, flag.span.from ?? activation.from);
      return coversTime(flag, activation, at) ? [at] : [];
    }),
  );
  if (starts.length === 0) return null;
  const first = Math.min(...starts);
  const times = [...view.timeline.splits.map(({ at }) => at), ...view.flags.flatMap(({ span }) => span.to ?? [])];
  const later = times.filter((at) => at > first).sort((a, b) => a - b);
  return later.find((at) => isHealthy(view, at)) ?? null;
}

function isHealthy(view: ModelView, micros: number): boolean {
  const traffic = trafficAt(view.timeline, micros);
  if (traffic.size === 0) return false;
  return [...traffic.keys()].every((release) =>
    activationsOfRelease(view.timeline, release).every(
      (activation) => !view.flags.some((flag) => coversTime(flag, activation, micros)),
    ),
  );
}

/** Releases restored by undoing a covered activation that are flagged themselves. */
function linkedReleases(view: ModelView, covered: readonly Activation[]): string[] {
  const flagged = new Set(view.flags.map((flag) => flag.release));
  return sortedIds(covered.flatMap(({ restored }) => (restored !== null && flagged.has(restored) ? [restored] : [])));
}
