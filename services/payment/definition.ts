import type { PaymentRecord } from '../../schemas/types.generated.js';
import type { PaymentFact } from '../shared/core/record.js';
import type { Definition } from '../shared/runtime/definition.js';
import { subjectsOf } from '../shared/runtime/subjects.js';
import { linkedTo, namesIn } from './linked.js';
import { toReferences } from './references.js';
import { toRow } from './to-row.js';

/**
 * Payment records become one row a payment: what it says, and how its amount is split over its inferences. Those may
 * come later: what a payment names is written before it is looked for, and the linker looks from the other side.
 */
export const payment: Definition<'payments'> = {
  service: 'payment',
  stream: 'payments',
  references: { table: 'payment_refs', rows: (facts) => facts.flatMap(toReferences) },
  followsInferences: true,
  joined: {
    table: 'payment_rows',
    async rows(scope, { store }) {
      const reads = store.payments;
      const of = scope.kind === 'ids' ? { ids: scope.ids } : { ids: [], written: scope.written as PaymentFact[] };
      const facts = await reads.records(of);
      const find = linkedTo(await reads.inferences(namesIn(facts)));
      return subjectsOf(facts, idOf).map((subject) => toRow(subject, find(subject)));
    },
  },
};

function idOf(record: PaymentRecord): string {
  return record.payment_id;
}
