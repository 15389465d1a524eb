import { compareBigint } from './order.js';
import type { ReleaseFact } from './record.js';
import { contains, overlaps, type Span } from './time.js';
import { activationsOfRelease, isTrafficRecord, timelineOf, type Activation, type Timeline } from './timeline.js';

/** A flag that stands: known, and not withdrawn (SPEC 7). */
export interface Flag {
  readonly fact: ReleaseFact;
  readonly release: string;
  readonly span: Span;
  readonly targets: ReadonlySet<string> | null;
  /** Null: every activation. Otherwise the `from` of the one it means, or null inside while none has the number yet. */
  readonly scope: { readonly from: number | null } | null;
}

/** What the coverage of an inference is judged by. */
export interface Served {
  readonly release: string;
  readonly activation: Activation | null;
  readonly at: number;
  readonly targetId: string | null;
}

/** @param facts the release facts of one model as known, in the order of R */
export function standingFlags(facts: readonly ReleaseFact[]): Flag[] {
  const withdrawnUpTo = new Map<string, bigint>();
  for (const { record, position } of facts) {
    if (record.action === 'UNFLAGGED' && record.flag_id !== null) withdrawnUpTo.set(record.flag_id, position.offset);
  }
  return facts
    .filter(({ record, position }) => {
      if (record.action !== 'FLAGGED') return false;
      const withdrawn = withdrawnUpTo.get(record.flag_id ?? '');
      return withdrawn === undefined || compareBigint(withdrawn, position.offset) < 0;
    })
    .map((fact) => ({
      fact,
      release: fact.record.release ?? '',
      span: { from: fact.record.from, to: fact.record.until },
      targets: fact.record.targets === null ? null : new Set(fact.record.targets),
      scope: fact.record.activation === null ? null : { from: scopedFrom(fact, fact.record.activation, facts) },
    }));
}

/**
 * The start of the activation that a flag means by number n: by the records of lower R; if none has it, the one that
 * first has it by later records. Null while no record gives it.
 */
function scopedFrom(flag: ReleaseFact, number: number, facts: readonly ReleaseFact[]): number | null {
  const before = facts.filter((fact) => fact.position.offset < flag.position.offset);
  const later = facts.filter((fact) => fact.position.offset > flag.position.offset && isTrafficRecord(fact.record));
  for (let known = 0; known <= later.length; known += 1) {
    const timeline = timelineOf([...before, ...later.slice(0, known)]);
    const activation = activationsOfRelease(timeline, flag.record.release ?? '')[number - 1];
    if (activation) return activation.from;
  }
  return null;
}

export function coversInference(flag: Flag, served: Served): boolean {
  return (
    flag.release === served.release &&
    (flag.scope === null || (served.activation !== null && flag.scope.from === served.activation.from)) &&
    contains(flag.span, served.at) &&
    (flag.targets === null || (served.targetId !== null && flag.targets.has(served.targetId)))
  );
}

export function coversActivation(flag: Flag, activation: Activation): boolean {
  return inScope(flag, activation) && overlaps(flag.span, activation);
}

/** Whether the flag covers a time of an activation of its release. */
export function coversTime(flag: Flag, activation: Activation, micros: number): boolean {
  return inScope(flag, activation) && contains(activation, micros) && contains(flag.span, micros);
}

function inScope(flag: Flag, activation: Activation): boolean {
  return flag.release === activation.release && (flag.scope === null || flag.scope.from === activation.from);
}

/** The activations of a release that a standing flag covers, in their order. */
export function coveredActivations(flags: readonly Flag[], timeline: Timeline, release: string): Activation[] {
  return activationsOfRelease(timeline, release).filter((activation) =>
    flags.some((flag) => coversActivation(flag, activation)),
  );
}
