import type { ReleaseRecord } from '../../../schemas/types.generated.js';
import { compareBigint } from './order.js';
import type { ReleaseFact } from './record.js';
import type { Span } from './time.js';

/**
 * The release timeline of one model (SPEC 4).
 *
 *   effective_at   10:00            10:10                  10:30
 *   split          {v1 90, v2 10}   {v2 100}               {v1 100}
 *   v1             [ activation 1  )                       [ activation 2 ...
 *   v2             [ activation 1 .........................)  undone by the ROLLED_BACK at its `to`
 */
export interface Split {
  readonly at: number;
  /** Releases with a share above 0, in basis points. */
  readonly traffic: ReadonlyMap<string, number>;
}

export interface Activation extends Span {
  readonly release: string;
  readonly number: number;
  readonly from: number;
  readonly to: number | null;
  /** The rollback that undid this activation, and what it restored; null when none did. */
  readonly undoneBy: ReleaseFact | null;
  readonly restored: string | null;
}

export interface Timeline {
  /** Every effective time of a traffic record, with the split that holds from it, in time order. */
  readonly splits: readonly Split[];
  /** The times at which the split really changes; a record that repeats it is no change. */
  readonly changes: readonly number[];
  readonly activations: ReadonlyMap<string, readonly Activation[]>;
}

const NO_TRAFFIC: ReadonlyMap<string, number> = new Map();
const NONE: readonly Activation[] = [];

export function effectiveAt(record: ReleaseRecord): number {
  return record.effective_at ?? record.occurred_at;
}

export function isTrafficRecord(record: ReleaseRecord): boolean {
  return record.action === 'TRAFFIC_SET' || record.action === 'ROLLED_BACK';
}

/** @param facts release facts of one model, in any order; other actions are passed over */
export function timelineOf(facts: Iterable<ReleaseFact>): Timeline {
  const traffic = [...facts].filter((fact) => isTrafficRecord(fact.record)).sort(compareEffective);
  const splits: Split[] = [];
  for (const fact of traffic) {
    const split = { at: effectiveAt(fact.record), traffic: trafficOf(fact.record) };
    if (splits.at(-1)?.at === split.at) splits.pop();
    splits.push(split);
  }
  const changes = splits.flatMap((split, i) =>
    sameTraffic(split.traffic, splits[i - 1]?.traffic ?? NO_TRAFFIC) ? [] : [split.at],
  );
  return { splits, changes, activations: activationsOf(splits, traffic) };
}

/** By (`effective_at`, R): the order in which release records take effect. */
export function compareEffective(a: ReleaseFact, b: ReleaseFact): number {
  return effectiveAt(a.record) - effectiveAt(b.record) || compareBigint(a.position.offset, b.position.offset);
}

function trafficOf(record: ReleaseRecord): ReadonlyMap<string, number> {
  const { action, to } = record;
  const traffic = record.traffic ?? (action === 'ROLLED_BACK' && to !== null ? { [to]: 10_000 } : {});
  return new Map(Object.entries(traffic).filter(([, share]) => share > 0));
}

function sameTraffic(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([release, share]) => b.get(release) === share);
}

function activationsOf(
  splits: readonly Split[],
  traffic: readonly ReleaseFact[],
): ReadonlyMap<string, readonly Activation[]> {
  // `traffic` is in (effective_at, R) order, so of several rollbacks at one time the greatest R stays.
  const undo = new Map<string, ReleaseFact>();
  for (const fact of traffic) {
    const { record } = fact;
    if (record.action === 'ROLLED_BACK') undo.set(undoKey(record.release, effectiveAt(record)), fact);
  }
  const activations = new Map<string, Activation[]>();
  const open = new Map<string, number>();
  const close = (release: string, from: number, to: number | null): void => {
    const list = activations.get(release) ?? [];
    const undoneBy = to === null ? null : (undo.get(undoKey(release, to)) ?? null);
    list.push({ release, number: list.length + 1, from, to, undoneBy, restored: undoneBy?.record.to ?? null });
    activations.set(release, list);
  };
  for (const split of splits) {
    for (const [release, from] of open) {
      if (split.traffic.has(release)) continue;
      close(release, from, split.at);
      open.delete(release);
    }
    for (const release of split.traffic.keys()) if (!open.has(release)) open.set(release, split.at);
  }
  for (const [release, from] of open) close(release, from, null);
  return activations;
}

function undoKey(release: string | null, at: number): string {
  return `${at} ${release ?? ''}`;
}

/** The split that holds at a time; empty before the first record. */
export function trafficAt(timeline: Timeline, micros: number): ReadonlyMap<string, number> {
  const i = lastAtOrBefore(timeline.splits, micros, (split) => split.at);
  return timeline.splits[i]?.traffic ?? NO_TRAFFIC;
}

export function activationsOfRelease(timeline: Timeline, release: string): readonly Activation[] {
  return timeline.activations.get(release) ?? NONE;
}

/** Index of the last item whose time is at or before `micros`, or -1. `items` are in time order. */
export function lastAtOrBefore<T>(items: readonly T[], micros: number, timeOf: (item: T) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timeOf(items[middle] as T) <= micros) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
