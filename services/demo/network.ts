import type { ReleaseAction, ReleaseRecord } from '../../schemas/types.generated.js';
import { BLANK_RELEASE } from './blank-release.js';
import type { Random } from './random.js';

/**
 * What really happens to one model, written down before any record exists. Records are made from it, and so are the
 * answers that the demo expects: neither ever looks at the other.
 */
export interface ModelPlan {
  readonly id: string;
  /** How often the model is used, compared with the others. */
  readonly weight: number;
  /** Proxied models have no blobs: what served is known by the enclave that did. */
  readonly proxied: boolean;
  readonly releases: ReadonlyMap<string, ReleasePlan>;
  /** The traffic split, in time order. */
  readonly segments: readonly Segment[];
  readonly activations: readonly ActivationPlan[];
  readonly bindings: readonly Binding[];
  /** Nodes that keep serving a release after its end. */
  readonly stragglers: readonly Straggling[];
  readonly flag: FlagPlan | null;
  readonly incident: IncidentPlan;
  readonly log: readonly PlannedRelease[];
}

export interface ReleasePlan {
  readonly name: string;
  /** Blobs that only this release has. */
  readonly ownBlobs: readonly string[];
  /** A blob that other releases have too. */
  readonly sharedBlob: string | null;
}

export interface Segment {
  readonly from: number;
  readonly shares: Readonly<Record<string, number>>;
}

export interface ActivationPlan {
  readonly release: string;
  readonly activation: number;
  readonly from: number;
  readonly to: number | null;
  readonly restored: string | null;
}

/** From `from` until `to` this target runs this release. */
export interface Binding {
  readonly target: string;
  readonly release: string;
  readonly from: number;
  readonly to: number | null;
  /** When the log hears of it, where that is late. */
  readonly heardAt?: number;
  /** From when on the target is out of the registry, although it still serves. */
  readonly unboundAt?: number;
}

export interface Straggling {
  readonly release: string;
  readonly until: number;
  readonly share: number;
}

export interface FlagPlan {
  readonly release: string;
  /** When it was declared, by the source's clock. */
  readonly declaredAt: number;
  readonly withdrawnAt: number | null;
  readonly activation: number | null;
  readonly from: number | null;
  readonly until: number | null;
}

export interface IncidentPlan {
  readonly state: 'none' | 'contained' | 'reopened' | 'withdrawn';
  readonly activations: readonly number[];
  readonly containedAt: number | null;
  readonly recoveredAt: number | null;
  /** A flagged release that came back into traffic: the start of that activation. */
  readonly reactivatedAt: number | null;
}

/** A release record, and the time at which it is sent. */
export interface PlannedRelease {
  readonly record: ReleaseRecord;
  readonly sendAt: number;
}

/** All times of a plan are microseconds; stories are told in minutes from their start. */
export interface Storyteller {
  readonly run: string;
  readonly random: Random;
  readonly at: (minute: number) => number;
  /** Nothing happens after this. */
  readonly endOfStory: number;
}

type ReleaseFields = Partial<Omit<ReleaseRecord, 'event_id' | 'model_id' | 'action' | 'occurred_at'>>;

/** Collects the release records of one model while its story is told. */
export class ReleaseScript {
  readonly log: PlannedRelease[] = [];

  constructor(
    private readonly teller: Storyteller,
    private readonly modelId: string,
  ) {}

  say(minute: number, action: ReleaseAction, fields: ReleaseFields, sentAtMinute = minute): this {
    const record: ReleaseRecord = {
      event_id: `rel-${this.teller.random.hex(12).slice(2)}`,
      occurred_at: this.teller.at(minute),
      source: 'release-controller',
      model_id: this.modelId,
      action,
      ...BLANK_RELEASE,
      ...fields,
    };
    this.log.push({ record, sendAt: this.teller.at(sentAtMinute) });
    return this;
  }
}

/** The split at a time; empty before the first and in an outage. */
export function sharesAt(model: ModelPlan, micros: number): Readonly<Record<string, number>> {
  return model.segments.findLast((segment) => segment.from <= micros)?.shares ?? {};
}

export interface Placement {
  readonly activation: number | null;
  readonly phase: 'active' | 'stale' | 'premature' | 'never';
}

/** Where a request that this release served at this time belongs. */
export function placementOf(model: ModelPlan, release: string, micros: number): Placement {
  const own = model.activations.filter((activation) => activation.release === release);
  const current = own.find(({ from, to }) => from <= micros && (to === null || micros < to));
  if (current) return { activation: current.activation, phase: 'active' };
  const ended = own.findLast(({ to }) => to !== null && to <= micros);
  if (ended) return { activation: ended.activation, phase: 'stale' };
  return { activation: null, phase: own.length > 0 ? 'premature' : 'never' };
}

export function activationOf(model: ModelPlan, release: string, activation: number): ActivationPlan {
  const found = model.activations.find((each) => each.release === release && each.activation === activation);
  if (!found) throw new Error(`the plan of ${model.id} has no activation ${activation} of ${release}`);
  return found;
}

/** Whether the declared scope of the flag takes in this time of this activation; its withdrawal is not looked at. */
export function inFlagScope(flag: FlagPlan, activation: number | null, micros: number): boolean {
  return (
    (flag.activation === null || flag.activation === activation) &&
    (flag.from === null || flag.from <= micros) &&
    (flag.until === null || micros < flag.until)
  );
}
