import type { PaymentRecord } from '../../schemas/types.generated.js';
import type { Definition } from '../shared/runtime/definition.js';
import { subjectsOf, subjectsSharingEvents } from '../shared/runtime/subjects.js';
import { toReferences } from './references.js';
import { toRow } from './to-row.js';
import { linkedTo } from './linked.js';

/**
 * Payment records become one row a payment: what it says, and how its amount is split over its inferences. Those may
 * come later: the references are written before they are looked for, and who writes one of them says so.
 */
export const payment: Definition<'payments'> = {
  service: 'payment',
  stream: 'payments',
  references: { table: 'payment_refs', rows: (facts) => facts.flatMap(toReferences) },
  joined: {
    table: 'payment_rows',
    async rows(scope, { store }) {
      const payments = await store.facts('payments', scope);
      const others = subjectsSharingEvents(payments, idOf);
      const inferences = [
        ...(await store.facts('inferences', { kind: 'paid-by', payments: scope })),
        ...(others.length > 0
          ? await store.facts('inferences', { kind: 'paid-by', payments: { kind: 'ids', ids: others } })
          : []),
      ];
      const find = linkedTo(inferences);
      return subjectsOf(payments, idOf).map((subject) => toRow(subject, find(subject)));
    },
  },
};

function idOf(record: PaymentRecord): string {
  return record.payment_id;
}
