import type { PaymentFact } from '../shared/core/record.js';
import { namesIn } from './linked.js';

/** What a payment record refers to, for whoever looks from the side of the inferences. */
export function toReferences(fact: PaymentFact): object[] {
  const { partition } = fact.position;
  const { payment_id } = fact.record;
  const { ids, sessions } = namesIn([fact]);
  return [
    ...ids.map((ref) => ({ kind: 'inference', ref, payment_id, partition })),
    ...sessions.map((ref) => ({ kind: 'session', ref, payment_id, partition })),
  ];
}
