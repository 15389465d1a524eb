import { attribute, type InferenceVerdict } from './attribution.js';
import { firstCopies } from './identity.js';
import { proofOf, type ProofVerdict } from './proof.js';
import type { Fact, InferenceFact, ProofFact, ReleaseFact } from './record.js';
import type { ModelLog } from './release-log.js';
import { MICROS_PER_MS } from './time.js';
import { effectiveAt } from './timeline.js';

/** What was said from a knowledge time on, until the next revision. A history is never empty and has no equal neighbours. */
export interface Revision<V> {
  /** The greatest append time among the records the value rests on. */
  readonly knownAtMs: number;
  readonly value: V;
}

/**
 * Everything that was ever known about which release served an inference: what is said at its own append time, and at
 * each later release record that can change it. A record processed late has the same history as one processed at once.
 */
export function inferenceHistory(fact: InferenceFact, model: ModelLog): Revision<InferenceVerdict>[] {
  const start = fact.position.appendedAtMs;
  const at = (knownAtMs: number): Revision<InferenceVerdict> => ({
    knownAtMs,
    value: attribute(fact.record, model.asOf(knownAtMs)),
  });
  const history = [at(start)];
  for (const knownAtMs of model.appendTimes) {
    if (knownAtMs <= start) continue;
    const latest = (history.at(-1) as Revision<InferenceVerdict>).value;
    const touched = model.appendedAt(knownAtMs).some((release) => {
      const sweep = sweepOf(release);
      return sweep !== null && mayChange(sweep, fact, latest);
    });
    if (touched) pushIfNew(history, at(knownAtMs));
  }
  return history;
}

/** Which inferences of a model a release record can change: wider is allowed, too narrow would be a wrong row. */
export type Sweep = { readonly modelId: string } & (
  | { readonly kind: 'traffic'; readonly fromMicros: number }
  | { readonly kind: 'blobs'; readonly blobIds: readonly string[]; readonly release: string }
  | { readonly kind: 'target'; readonly targetId: string; readonly fromMicros: number }
);

/** Null for records that change no attribution: flags are joined when read. */
export function sweepOf({ record }: ReleaseFact): Sweep | null {
  const { model_id: modelId, action } = record;
  switch (action) {
    case 'TRAFFIC_SET':
    case 'ROLLED_BACK':
      return { modelId, kind: 'traffic', fromMicros: effectiveAt(record) };
    case 'PUBLISHED':
      return { modelId, kind: 'blobs', blobIds: record.blob_ids, release: record.release ?? '' };
    case 'TARGET_BOUND':
    case 'TARGET_UNBOUND':
      return { modelId, kind: 'target', targetId: record.target_id ?? '', fromMicros: effectiveAt(record) };
    default:
      return null;
  }
}

/** Whether the sweep's record can change what was said of an inference of its model. */
export function mayChange(sweep: Sweep, { record }: InferenceFact, said: InferenceVerdict): boolean {
  switch (sweep.kind) {
    case 'traffic':
      // Before its effective time only what looks ahead can change: a phase, a boundary near by, and whether a claim
      // is known. What was attributed to its claim and is active or stale has had traffic, so that claim stays known.
      return (
        record.occurred_at + Math.max(record.clock_error_ms ?? 0, 0) * MICROS_PER_MS >= sweep.fromMicros ||
        said.phase === 'premature' ||
        said.phase === 'never' ||
        (record.release !== null && record.release !== said.release)
      );
    case 'blobs':
      return (record.blob_id !== null && sweep.blobIds.includes(record.blob_id)) || record.release === sweep.release;
    case 'target':
      return record.target_id === sweep.targetId && record.occurred_at >= sweep.fromMicros;
  }
}

/** @param facts every copy of every proof record of one inference */
export function proofHistory(facts: readonly ProofFact[]): Revision<ProofVerdict>[] {
  const counting = firstCopies(facts).counting;
  return historyOf(appendTimes(counting), (knownAtMs) => proofOf(knownBy(counting, knownAtMs)));
}

function historyOf<V>(times: readonly number[], value: (knownAtMs: number) => V): Revision<V>[] {
  const history: Revision<V>[] = [];
  for (const knownAtMs of times) pushIfNew(history, { knownAtMs, value: value(knownAtMs) });
  return history;
}

function pushIfNew<V>(history: Revision<V>[], revision: Revision<V>): void {
  const last = history.at(-1);
  if (last === undefined || !sameValue(last.value, revision.value)) history.push(revision);
}

function sameValue(a: unknown, b: unknown): boolean {
  return JSON.stringify(a, bigintAsText) === JSON.stringify(b, bigintAsText);
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

function appendTimes(facts: readonly Fact<unknown>[]): number[] {
  return [...new Set(facts.map((fact) => fact.position.appendedAtMs))].sort((a, b) => a - b);
}

function knownBy<T>(facts: readonly Fact<T>[], knownAtMs: number): Fact<T>[] {
  return facts.filter((fact) => fact.position.appendedAtMs <= knownAtMs);
}
