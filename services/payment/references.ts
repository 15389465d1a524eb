import type { PaymentFact } from '../shared/core/record.js';

/** What a payment record refers to. Which of its records decides is open until all are known, so each refers. */
export function toReferences({ record }: PaymentFact): object[] {
  const { payment_id, session_id: session } = record;
  const inferences = new Set(record.allocations.map((allocation) => allocation.inference_id));
  return [
    ...[...inferences].map((ref) => ({ kind: 'inference', ref, payment_id })),
    ...(session === null ? [] : [{ kind: 'session', ref: session, payment_id }]),
  ];
}
