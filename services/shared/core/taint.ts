import type { InferenceRecord } from '../../../schemas/types.generated.js';
import { phaseOf, type InferenceVerdict } from './attribution.js';
import { coversInference, type Flag, type Served } from './flags.js';
import type { ModelView } from './release-log.js';
import { activationsOfRelease, type Activation } from './timeline.js';

/** The class of a payment's part, and of the inference it pays (SPEC 6). */
export type TaintClass = 'tainted' | 'possible' | 'clean' | 'unattributed';

/** One release that served, or may have served, an inference, with the flags that cover it there. */
export interface Exposed {
  readonly release: string;
  readonly activation: Activation | null;
  readonly coveredBy: readonly Flag[];
}

export interface Judgement {
  readonly taint: TaintClass;
  /** The release it is attributed to, or its candidates; empty when unattributed. */
  readonly releases: readonly Exposed[];
}

/** Joins a verdict with the flags that stand; flags are never part of a verdict, so flagging rewrites nothing. */
export function judge(inference: InferenceRecord, verdict: InferenceVerdict, view: ModelView): Judgement {
  const exposed = (release: string, activation: Activation | null): Exposed => {
    const served: Served = { release, activation, at: inference.occurred_at, targetId: inference.target_id };
    return { release, activation, coveredBy: view.flags.filter((flag) => coversInference(flag, served)) };
  };
  if (verdict.status === 'unattributed') return { taint: 'unattributed', releases: [] };
  if (verdict.release !== null) {
    const only = exposed(verdict.release, activationOf(verdict, view));
    return { taint: only.coveredBy.length > 0 ? 'tainted' : 'clean', releases: [only] };
  }
  const releases = verdict.candidates.map(({ release }) =>
    exposed(release, phaseOf(view.timeline, release, inference.occurred_at).activation),
  );
  return { taint: releases.some((release) => release.coveredBy.length > 0) ? 'possible' : 'clean', releases };
}

/** The activation that an attributed verdict belongs to, with its span. */
export function activationOf(verdict: InferenceVerdict, view: ModelView): Activation | null {
  if (verdict.release === null || verdict.activation === null) return null;
  return activationsOfRelease(view.timeline, verdict.release)[verdict.activation - 1] ?? null;
}
