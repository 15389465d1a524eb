import { coveredActivations, coversTime, type Flag } from './flags.js';
import { sortedIds } from './order.js';
import type { ModelView } from './release-log.js';
import { contains, MICROS_PER_MS, overlaps } from './time.js';
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

/** Null if the release was never flagged. */
export function incidentOf(trail: Trail, modelId: string, release: string): Incident | null {
  const view = trail.view(modelId);
  if (view.firstFlagged(release) === null) return null;
  const flags = view.flags.filter((flag) => flag.release === release);
  const covered = coveredActivations(flags, view.timeline, release);
  return {
    release,
    state: stateOf(trail, { modelId, release, view, flags, covered }),
    activations: covered.map(({ number }) => number),
    containedAt: covered.at(-1)?.to ?? null,
    recoveredAt: recoveredAt(view, flags, covered),
    linked: linkedReleases(view, covered),
  };
}

interface Evidence {
  readonly modelId: string;
  readonly release: string;
  readonly view: ModelView;
  readonly flags: readonly Flag[];
  readonly covered: readonly Activation[];
}

function stateOf(trail: Trail, evidence: Evidence): Incident['state'] {
  const { modelId, flags, covered, view, release } = evidence;
  if (flags.length === 0) return 'withdrawn';
  const atMicros = trail.knownAtMs * MICROS_PER_MS;
  if (covered.some((activation) => contains(activation, atMicros))) return 'active';
  const close = view.lastClose(release);
  if (close === null) return 'contained';
  const closedAtMs = close.position.appendedAtMs;
  const known = trail.releases.model(modelId).asOf(closedAtMs).timeline;
  return activationBegan(evidence, known) || workAppeared(trail, evidence, closedAtMs) ? 'reopened' : 'closed';
}

/** A covered activation that overlaps none known at the close, as of its append time. */
function activationBegan({ covered, release }: Evidence, known: Timeline): boolean {
  const before = activationsOfRelease(known, release);
  return covered.some((activation) => !before.some((other) => overlaps(activation, other)));
}

/** A payment with a tainted part settled, or a covered stale inference was served, by append time after the close. */
function workAppeared(trail: Trail, { modelId, release }: Evidence, closedAtMs: number): boolean {
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
