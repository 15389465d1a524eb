import { sweepOf } from '../shared/core/histories.js';
import type { ModelLog } from '../shared/core/release-log.js';
import type { InferenceFact } from '../shared/core/record.js';
import { MICROS_PER_MS } from '../shared/core/time.js';
import type { ReleaseKnowledge } from '../shared/runtime/definition.js';
import { verdictsOf, type VerdictColumns } from './to-row.js';

/** What a verdict depends on besides the release log. Names are numbers of one interner, -1 stands for null. */
export interface Evidence {
  model: number;
  claim: number;
  blob: number;
  target: number;
  occurredAt: number;
  appendedAtMs: number;
  clockErrorMs: number;
}

/** What was ever said of a record and of all that are like it. */
export interface KnownVerdict {
  readonly newest: VerdictColumns;
  /** Oldest first. The first `known_at` of all is the append time of the record itself, and 0 here. */
  readonly earlier: readonly VerdictColumns[];
}

/**
 * One model's log, cut where a verdict can change. Between two cuts every comparison of a time with one of the log has
 * the same result, so whatever rests on such comparisons alone is the same.
 *
 *   event time   ──|────|──|──────    effective times, and what lies within the clock error of them
 *   append time  ─────|──────|────    append times
 */
interface ModelCuts {
  readonly log: ModelLog;
  /** The records that this is of: the log has others once it has grown. */
  readonly facts: ModelLog['facts'];
  readonly effective: readonly number[];
  readonly byClockError: Map<number, { readonly id: number; readonly cuts: readonly number[] }>;
  /** Numbers of blobs and targets by their numbers: those that no record names are all alike. */
  readonly blobs: Map<number, number>;
  readonly targets: Map<number, number>;
  readonly named: ReadonlySet<string>;
}

const NULL = -1;
const NEVER_NAMED = -2;
const KEY_INTS = 6;
const ENTRIES_MAX = 1 << 15;
const TABLE_SIZE = ENTRIES_MAX * 4;
const EMPTY = -1;
const CLOCK_ERRORS_MAX = 64;

/** Finds what is said of a record among what was said of others like it (proved by test/properties/lane.test.ts). */
export class VerdictMemo {
  readonly #models = new Map<number, ModelCuts>();
  readonly #table = new Int32Array(TABLE_SIZE).fill(EMPTY);
  readonly #keys = new Int32Array(ENTRIES_MAX * KEY_INTS);
  readonly #key = new Int32Array(KEY_INTS);
  #verdicts: KnownVerdict[] = [];
  /** Much evidence comes to the same: each verdict is kept once. */
  readonly #distinct = new Map<string, KnownVerdict>();
  #cutsIds = 0;

  constructor(
    private readonly releases: ReleaseKnowledge,
    private readonly textOf: (id: number) => string,
  ) {}

  find(evidence: Evidence): KnownVerdict {
    const model = this.#modelOf(evidence.model);
    const { id, cuts } = this.#cutsOf(model, evidence.clockErrorMs);
    const key = this.#key;
    key[0] = id;
    key[1] = countUpTo(cuts, evidence.occurredAt);
    key[2] = countUpTo(model.log.appendTimes, evidence.appendedAtMs);
    key[3] = evidence.claim;
    key[4] = this.#named(model, model.blobs, evidence.blob);
    // A target that was never bound says nothing, as none does; of a blob it is said that nobody knows it.
    key[5] = Math.max(this.#named(model, model.targets, evidence.target), NULL);
    return this.#lookUp(evidence, model.log);
  }

  /** Numbers stand for other names from now on. */
  clear(): void {
    this.#models.clear();
    this.#forget();
  }

  #forget(): void {
    this.#table.fill(EMPTY);
    this.#verdicts = [];
    this.#distinct.clear();
  }

  #lookUp(evidence: Evidence, log: ModelLog): KnownVerdict {
    let hash = 0;
    for (let i = 0; i < KEY_INTS; i += 1) hash = Math.imul(hash ^ (this.#key[i] as number), 0x9e3779b1) ^ (hash >>> 13);
    let slot = (hash ^ (hash >>> 16)) & (TABLE_SIZE - 1);
    for (;;) {
      const entry = this.#table[slot] as number;
      if (entry === EMPTY) break;
      if (this.#isKey(entry)) return this.#verdicts[entry] as KnownVerdict;
      slot = (slot + 1) & (TABLE_SIZE - 1);
    }
    if (this.#verdicts.length === ENTRIES_MAX) {
      this.#forget();
      return this.#lookUp(evidence, log);
    }
    const entry = this.#verdicts.length;
    const verdict = this.#judge(evidence);
    this.#verdicts.push(verdict);
    this.#keys.set(this.#key, entry * KEY_INTS);
    this.#table[slot] = entry;
    return verdict;
  }

  #judge(evidence: Evidence): KnownVerdict {
    const [first, ...later] = verdictsOf(this.#factOf(evidence), this.releases) as [
      VerdictColumns,
      ...VerdictColumns[],
    ];
    const earlier = [{ ...first, known_at: 0 }, ...later];
    const text = JSON.stringify(earlier);
    const known = this.#distinct.get(text);
    if (known !== undefined) return known;
    const verdict = { newest: earlier.pop() as VerdictColumns, earlier };
    this.#distinct.set(text, verdict);
    return verdict;
  }

  #isKey(entry: number): boolean {
    const at = entry * KEY_INTS;
    for (let i = 0; i < KEY_INTS; i += 1) if (this.#keys[at + i] !== this.#key[i]) return false;
    return true;
  }

  /** All of a record that a verdict rests on. */
  #factOf({ model, claim, blob, target, occurredAt, appendedAtMs, clockErrorMs }: Evidence): InferenceFact {
    const text = (id: number): string | null => (id === NULL ? null : this.textOf(id));
    const evidence = {
      model_id: this.textOf(model),
      release: text(claim),
      blob_id: text(blob),
      target_id: text(target),
    };
    const times = { occurred_at: occurredAt, clock_error_ms: clockErrorMs };
    return {
      record: { ...NO_EVIDENCE, ...evidence, ...times },
      key: '',
      position: { partition: 0, offset: 0n, appendedAtMs },
    };
  }

  #modelOf(id: number): ModelCuts {
    const known = this.#models.get(id);
    if (known !== undefined && known.facts === known.log.facts) return known;
    const log = this.releases.log.model(this.textOf(id));
    const effective = new Set<number>();
    const named = new Set<string>();
    for (const fact of log.facts) {
      const sweep = sweepOf(fact);
      if (sweep === null) continue;
      if (sweep.kind !== 'blobs') effective.add(sweep.fromMicros);
      if (sweep.kind === 'target') named.add(sweep.targetId);
      if (sweep.kind === 'blobs') for (const blob of sweep.blobIds) named.add(blob);
    }
    const maps = { byClockError: new Map(), blobs: new Map(), targets: new Map() };
    const model: ModelCuts = { log, facts: log.facts, effective: [...effective], named, ...maps };
    this.#models.set(id, model);
    return model;
  }

  #cutsOf(model: ModelCuts, clockErrorMs: number): { readonly id: number; readonly cuts: readonly number[] } {
    const known = model.byClockError.get(clockErrorMs);
    if (known !== undefined) return known;
    if (model.byClockError.size >= CLOCK_ERRORS_MAX) model.byClockError.clear();
    const error = Math.max(clockErrorMs, 0) * MICROS_PER_MS;
    const times = new Set(model.effective.flatMap((at) => [at - error, at, at + error + 1]));
    const cuts = [...times].sort((a, b) => a - b);
    const made = { id: this.#cutsIds++, cuts };
    model.byClockError.set(clockErrorMs, made);
    return made;
  }

  #named(model: ModelCuts, numbers: Map<number, number>, id: number): number {
    if (id === NULL) return NULL;
    let number = numbers.get(id);
    if (number === undefined) {
      number = model.named.has(this.textOf(id)) ? id : NEVER_NAMED;
      numbers.set(id, number);
    }
    return number;
  }
}

const NO_EVIDENCE = {
  event_id: '',
  source: '',
  source_ref: null,
  inference_id: '',
  requested_model: null,
  agent_id: null,
  session_id: null,
  request_hash: null,
  output_hash: null,
  cost: null,
};

/** How many of the times, which are in order, are at or before this one. */
function countUpTo(times: readonly number[], time: number): number {
  let low = 0;
  let high = times.length;
  if (high > 0 && (times[high - 1] as number) <= time) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
