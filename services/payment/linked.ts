import type { PaymentRecord } from '../../schemas/types.generated.js';
import { groupBy } from '../shared/core/group.js';
import type { LinkedInference } from '../shared/core/payment.js';
import type { PaymentFact } from '../shared/core/record.js';
import type { LinkedRecord } from '../shared/runtime/payment-reads.js';
import type { Subject } from '../shared/runtime/subjects.js';

/** What the records of some payments refer to: which of them decides is open until all are known, so each counts. */
export interface Names {
  readonly ids: string[];
  readonly sessions: string[];
}

export function namesIn(copies: readonly PaymentFact[]): Names {
  const ids = new Set<string>();
  const sessions = new Set<string>();
  for (const { record } of copies) {
    for (const { inference_id: id } of record.allocations) ids.add(id);
    if (record.session_id !== null) sessions.add(record.session_id);
  }
  return { ids: [...ids], sessions: [...sessions] };
}

/** The inferences a payment may be for. */
export interface LinkedRecords {
  /** Without records of which it is known that another counts instead. */
  readonly inferences: readonly LinkedInference[];
  /** Number of records, those that do not count included. */
  readonly records: number;
  /** The models of all of these records: they only become more, too. */
  readonly models: readonly string[];
  /** Number of records that these were told apart from. Both numbers only grow: with each of them more is known. */
  readonly copies: number;
}

/** Finds the inferences of each payment among all that were read. */
export function linkedTo(read: readonly LinkedRecord[]): (payment: Subject<PaymentRecord>) => LinkedRecords {
  const byId = groupBy(read, ({ fact }) => fact.record.inference_id);
  const bySession = groupBy(read, ({ fact }) => fact.record.session_id);
  return ({ copies }) => {
    const { ids, sessions } = namesIn(copies);
    const own = new Set([
      ...ids.flatMap((id) => byId.get(id) ?? []),
      ...sessions.flatMap((session) => bySession.get(session) ?? []),
    ]);
    const records = [...own];
    return {
      inferences: records.filter(({ counts }) => counts).map(({ fact }) => fact),
      records: records.length,
      models: records.map(({ fact }) => fact.record.model_id),
      copies: records.reduce((sum, record) => sum + record.copies, 0),
    };
  };
}
