import type { PaymentRecord } from '../../schemas/types.generated.js';
import { groupBy } from '../shared/core/group.js';
import { firstCopies, firstInferences } from '../shared/core/identity.js';
import type { InferenceFact } from '../shared/core/record.js';
import { positionOf, type Subject } from '../shared/runtime/subjects.js';

/** The inferences a payment may be for. */
export interface Linked {
  /** Those that count. */
  readonly inferences: readonly InferenceFact[];
  /** Number of facts they rest on, copies that do not count included: with each of them more is known. */
  readonly weight: number;
}

/**
 * Finds the inferences of payments among all that were read, by id and session.
 * @param read every copy of each of them, some maybe twice
 */
export function linkedTo(read: readonly InferenceFact[]): (subject: Subject<PaymentRecord>) => Linked {
  const facts = [...new Map(read.map((fact) => [positionOf(fact), fact])).values()];
  const copiesById = groupBy(facts, ({ record }) => record.inference_id);
  const copiesOfEvent = groupBy(facts, ({ record }) => record.event_id);
  const idsBySession = groupBy(facts, ({ record }) => record.session_id);
  const counting = firstInferences(firstCopies(facts).counting);
  return ({ copies }) => {
    const ids = new Set<string>();
    for (const { record } of copies) {
      for (const { inference_id: id } of record.allocations) ids.add(id);
      if (record.session_id === null) continue;
      for (const fact of idsBySession.get(record.session_id) ?? []) ids.add(fact.record.inference_id);
    }
    const known = [...ids];
    const seen = new Set<InferenceFact>();
    for (const copy of known.flatMap((id) => copiesById.get(id) ?? [])) {
      for (const other of copiesOfEvent.get(copy.record.event_id) ?? []) seen.add(other);
    }
    return { inferences: known.flatMap((id) => counting.get(id) ?? []), weight: seen.size };
  };
}
