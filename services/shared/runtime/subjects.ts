import { groupBy } from '../core/group.js';
import { firstCopies } from '../core/identity.js';
import type { Fact } from '../core/record.js';

interface Identified {
  readonly event_id: string;
}

/** All that bears on one row. */
export interface Subject<T> {
  readonly id: string;
  /** The records that count, in log order; none when each is a copy of an event that counts elsewhere. */
  readonly counting: readonly Fact<T>[];
  /** Every copy under this id. */
  readonly copies: readonly Fact<T>[];
  /** Number of facts the row rests on: it only grows, so of two rows the one with more knows more. */
  readonly weight: number;
}

/**
 * Groups facts by what they are about. The facts must be closed: every copy of every event among them (Store.facts).
 * @param ids the subjects asked for; default is every subject there is
 */
export function subjectsOf<T extends Identified>(facts: readonly Fact<T>[], idOf: (record: T) => string): Subject<T>[] {
  const unique = [...new Map(facts.map((fact) => [positionOf(fact), fact])).values()];
  const counting = groupBy(firstCopies(unique).counting, (fact) => idOf(fact.record));
  const copiesOfEvent = groupBy(unique, (fact) => fact.record.event_id);
  return [...groupBy(unique, (fact) => idOf(fact.record))].map(([id, copies]) => {
    const elsewhere = new Set<string>();
    for (const { record } of copies) {
      for (const copy of copiesOfEvent.get(record.event_id) ?? []) {
        if (idOf(copy.record) !== id) elsewhere.add(positionOf(copy));
      }
    }
    return { id, counting: counting.get(id) ?? [], copies, weight: copies.length + elsewhere.size };
  });
}

export function positionOf({ position }: Fact<unknown>): string {
  return `${position.partition} ${position.offset}`;
}

/**
 * Subjects that have a copy of an event which another subject has too. They turn up among the facts of a scope that does
 * not name them, because it may have to be decided anew which of the copies counts.
 */
export function subjectsSharingEvents<T extends Identified>(
  facts: readonly Fact<T>[],
  idOf: (record: T) => string,
): string[] {
  const sharing = new Set<string>();
  for (const copies of groupBy(facts, (fact) => fact.record.event_id).values()) {
    const ids = new Set(copies.map((copy) => idOf(copy.record)));
    if (ids.size > 1) for (const id of ids) sharing.add(id);
  }
  return [...sharing];
}
