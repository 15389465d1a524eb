import { coversActivation, type Flag } from './flags.js';
import { incidentBasis, type IncidentBasis } from './incident.js';
import { compareUtf8, sortedIds } from './order.js';
import type { ModelLog, ModelView } from './release-log.js';
import { activationsOfRelease, type Activation, type Timeline } from './timeline.js';

/** Event times [from, until) at which a flag covers an inference of a release, served by any target (null) or by one. */
export interface Coverage {
  readonly release: string;
  readonly targetId: string | null;
  readonly from: number;
  readonly until: number;
}

/** All that the release records of a model come to at one moment, apart from what single inferences ask of them. */
export interface ModelState {
  /** By (from, release). */
  readonly activations: readonly (Activation & { readonly flagged: boolean })[];
  /** In the order of R. */
  readonly flags: readonly Flag[];
  readonly coverage: readonly Coverage[];
  /** Of every release ever flagged, by release. */
  readonly incidents: readonly IncidentBasis[];
}

export function modelState(model: ModelLog, knownAtMs: number): ModelState {
  const view = model.asOf(knownAtMs);
  const activations = [...view.timeline.activations.values()]
    .flat()
    .sort((a, b) => a.from - b.from || compareUtf8(a.release, b.release))
    .map((activation) => ({
      ...activation,
      flagged: view.flags.some((flag) => coversActivation(flag, activation)),
    }));
  return {
    activations,
    flags: view.flags,
    coverage: coverageOf(view),
    incidents: view.everFlagged.flatMap((release) => incidentBasis(model, knownAtMs, release) ?? []),
  };
}

type Interval = readonly [from: number, until: number];

/**
 * The flags of a view as spans of event time, which is all that a join needs: a flag scoped to an activation covers what
 * would belong to it, from its start to the start of the next one of the release.
 *
 *   any target   [======)      [====)
 *   target a            [======)        only what no span for any target has: one inference meets one span at most
 */
function coverageOf({ flags, timeline }: ModelView): Coverage[] {
  const coverage: Coverage[] = [];
  for (const release of sortedIds(flags.map((flag) => flag.release))) {
    const own = flags.filter((flag) => flag.release === release);
    const spansOf = (some: readonly Flag[]): Interval[] =>
      merged(some.flatMap((flag) => intervalOf(flag, timeline) ?? []));
    const anywhere = spansOf(own.filter(({ targets }) => targets === null));
    const add = (targetId: string | null, spans: readonly Interval[]): void => {
      for (const [from, until] of spans) coverage.push({ release, targetId, from, until });
    };
    add(null, anywhere);
    for (const target of sortedIds(own.flatMap(({ targets }) => [...(targets ?? [])]))) {
      add(target, without(spansOf(own.filter(({ targets }) => targets?.has(target) === true)), anywhere));
    }
  }
  return coverage;
}

function intervalOf(flag: Flag, timeline: Timeline): Interval[] | null {
  let [from, until]: Interval = [flag.span.from ?? -Infinity, flag.span.to ?? Infinity];
  if (flag.scope !== null) {
    const own = activationsOfRelease(timeline, flag.release);
    const i = own.findIndex((activation) => activation.from === flag.scope?.from);
    if (i < 0) return null;
    from = Math.max(from, (own[i] as Activation).from);
    until = Math.min(until, own[i + 1]?.from ?? Infinity);
  }
  return from < until ? [[from, until]] : null;
}

function merged(intervals: readonly Interval[]): Interval[] {
  const result: [number, number][] = [];
  for (const [from, until] of [...intervals].sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], until);
    else result.push([from, until]);
  }
  return result;
}

/** @param holes merged */
function without(intervals: readonly Interval[], holes: readonly Interval[]): Interval[] {
  return intervals.flatMap(([from, until]) => {
    const left: Interval[] = [];
    let start = from;
    for (const [holeFrom, holeUntil] of holes) {
      if (holeUntil <= start || holeFrom >= until) continue;
      if (holeFrom > start) left.push([start, holeFrom]);
      start = Math.max(start, holeUntil);
    }
    if (start < until) left.push([start, until]);
    return left;
  });
}
