import type { ReleaseRecord } from '../../../schemas/types.generated.js';
import { standingFlags, type Flag } from './flags.js';
import { groupBy } from './group.js';
import { compareBigint, compareLogOrder, sortedIds } from './order.js';
import type { ReleaseFact } from './record.js';
import { activationsOfRelease, compareEffective, effectiveAt, timelineOf, type Timeline } from './timeline.js';

/** The release records of all models, in the order of R, without the copies that do not count. */
export class ReleaseLog {
  readonly #models = new Map<string, ModelLog>();
  readonly #events = new Map<string, ReleaseFact>();
  #nextOffset = 0n;

  static of(facts: Iterable<ReleaseFact>): ReleaseLog {
    const log = new ReleaseLog();
    for (const fact of [...facts].sort((a, b) => compareBigint(a.position.offset, b.position.offset))) log.apply(fact);
    return log;
  }

  /** The offset after the last record applied: everything below is known. */
  get nextOffset(): bigint {
    return this.#nextOffset;
  }

  get models(): string[] {
    return sortedIds(this.#models.keys());
  }

  /**
   * Takes the next record, in offset order; a copy that does not count is passed over.
   * @returns what now counts and did not before, or null
   */
  apply(fact: ReleaseFact): ReleaseFact | null {
    this.#nextOffset = fact.position.offset + 1n;
    const known = this.#events.get(fact.record.event_id);
    if (known !== undefined) {
      // Only a copy of the same millisecond under a smaller key comes before one with a lower offset.
      if (compareLogOrder(known, fact) <= 0) return null;
      this.model(known.record.model_id).remove(known);
    }
    this.#events.set(fact.record.event_id, fact);
    this.model(fact.record.model_id).add(fact);
    return fact;
  }

  /** The log of one model; empty for a model never heard of. */
  model(modelId: string): ModelLog {
    let model = this.#models.get(modelId);
    if (model === undefined) {
      model = new ModelLog(modelId);
      this.#models.set(modelId, model);
    }
    return model;
  }
}

/** The release records of one model, and what they say as known at any moment. */
export class ModelLog {
  readonly modelId: string;
  #facts: ReleaseFact[] = [];
  #appendTimes: number[] = [];
  #byTime: ReadonlyMap<number, readonly ReleaseFact[]> | undefined;
  readonly #views = new Map<number, ModelView>();

  constructor(modelId: string) {
    this.modelId = modelId;
  }

  get facts(): readonly ReleaseFact[] {
    return this.#facts;
  }

  /** The distinct append times, in time order: the moments at which what is known about the model changes. */
  get appendTimes(): readonly number[] {
    return this.#appendTimes;
  }

  /** The records appended in exactly that millisecond. */
  appendedAt(ms: number): readonly ReleaseFact[] {
    this.#byTime ??= groupBy(this.#facts, (fact) => fact.position.appendedAtMs);
    return this.#byTime.get(ms) ?? [];
  }

  add(fact: ReleaseFact): void {
    this.#reset([...this.#facts, fact].sort((a, b) => compareBigint(a.position.offset, b.position.offset)));
  }

  remove(fact: ReleaseFact): void {
    this.#reset(this.#facts.filter((other) => other !== fact));
  }

  #reset(facts: ReleaseFact[]): void {
    this.#facts = facts;
    this.#appendTimes = [...new Set(facts.map((fact) => fact.position.appendedAtMs))].sort((a, b) => a - b);
    this.#byTime = undefined;
    this.#views.clear();
  }

  /** What is known at K: the records with an append time up to it. */
  asOf(knownAtMs: number): ModelView {
    let known = this.#appendTimes.length;
    while (known > 0 && (this.#appendTimes[known - 1] as number) > knownAtMs) known -= 1;
    let view = this.#views.get(known);
    if (view === undefined) {
      view = new ModelView(this.#facts.filter((fact) => fact.position.appendedAtMs <= knownAtMs));
      this.#views.set(known, view);
    }
    return view;
  }
}

/** One model's release knowledge at one moment. Everything is computed when first asked for, then kept. */
export class ModelView {
  /** In the order of R. */
  readonly facts: readonly ReleaseFact[];
  #timeline: Timeline | undefined;
  #flags: readonly Flag[] | undefined;
  #blobs: ReadonlyMap<string, readonly string[]> | undefined;
  #published: ReadonlySet<string> | undefined;
  #targets: ReadonlyMap<string, readonly ReleaseFact[]> | undefined;
  readonly #before = new Map<bigint, Timeline>();

  constructor(facts: readonly ReleaseFact[]) {
    this.facts = facts;
  }

  get timeline(): Timeline {
    return (this.#timeline ??= timelineOf(this.facts));
  }

  /** The flags that stand. */
  get flags(): readonly Flag[] {
    return (this.#flags ??= standingFlags(this.facts));
  }

  /** The timeline by the records of lower R, as somebody knew it who appended that record. */
  timelineBefore(offset: bigint): Timeline {
    let timeline = this.#before.get(offset);
    if (timeline === undefined) {
      timeline = timelineOf(this.facts.filter((fact) => fact.position.offset < offset));
      this.#before.set(offset, timeline);
    }
    return timeline;
  }

  /** The releases whose `PUBLISHED` records list the blob, sorted. */
  releasesOfBlob(blobId: string): readonly string[] {
    this.#blobs ??= this.#indexBlobs();
    return this.#blobs.get(blobId) ?? [];
  }

  /** Published, or at some time in traffic. */
  knowsRelease(release: string): boolean {
    this.#published ??= new Set(this.#of('PUBLISHED').map((fact) => fact.record.release ?? ''));
    return this.#published.has(release) || activationsOfRelease(this.timeline, release).length > 0;
  }

  /** The latest `TARGET_BOUND` of a target at a time, and whether a later `TARGET_UNBOUND` disabled it by then. */
  targetAt(targetId: string, micros: number): { release: string; enabled: boolean } | null {
    this.#targets ??= this.#indexTargets();
    let bound: string | null = null;
    let enabled = true;
    for (const { record } of this.#targets.get(targetId) ?? []) {
      if (effectiveAt(record) > micros) break;
      if (record.action === 'TARGET_BOUND') bound = record.release ?? '';
      enabled = record.action === 'TARGET_BOUND';
    }
    return bound === null ? null : { release: bound, enabled };
  }

  /** The first `FLAGGED` of a release, standing or withdrawn: from it on there is an incident. */
  firstFlagged(release: string): ReleaseFact | null {
    return this.#of('FLAGGED').find((fact) => fact.record.release === release) ?? null;
  }

  /** Releases that were ever flagged, sorted. */
  get everFlagged(): string[] {
    return sortedIds(this.#of('FLAGGED').map((fact) => fact.record.release ?? ''));
  }

  /** The last `INCIDENT_CLOSED` of a release with a greater R than its first `FLAGGED`. */
  lastClose(release: string): ReleaseFact | null {
    const first = this.firstFlagged(release);
    const closes = this.#of('INCIDENT_CLOSED').filter((fact) => fact.record.release === release);
    const last = closes.at(-1);
    return first !== null && last !== undefined && last.position.offset > first.position.offset ? last : null;
  }

  #of(action: ReleaseRecord['action']): ReleaseFact[] {
    return this.facts.filter((fact) => fact.record.action === action);
  }

  #indexBlobs(): Map<string, readonly string[]> {
    const releases = new Map<string, string[]>();
    for (const { record } of this.#of('PUBLISHED')) {
      for (const blob of record.blob_ids) releases.set(blob, [...(releases.get(blob) ?? []), record.release ?? '']);
    }
    return new Map([...releases].map(([blob, list]) => [blob, sortedIds(list)]));
  }

  #indexTargets(): Map<string, ReleaseFact[]> {
    const targets = new Map<string, ReleaseFact[]>();
    for (const fact of [...this.facts].sort(compareEffective)) {
      const { action, target_id: targetId } = fact.record;
      if ((action !== 'TARGET_BOUND' && action !== 'TARGET_UNBOUND') || targetId === null) continue;
      targets.set(targetId, [...(targets.get(targetId) ?? []), fact]);
    }
    return targets;
  }
}
