import { firstCopies, firstInferences } from '../shared/core/identity.js';
import type { Definition } from '../shared/runtime/definition.js';
import { subjectsOf } from '../shared/runtime/subjects.js';
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
  readsReleases: false,
  references: { table: 'payment_refs', rows: (facts) => facts.flatMap(toReferences) },
  followsTouched: true,
  joined: {
    table: 'payment_rows',
    async rows(scope, { store }) {
      const payments = await store.facts('payments', scope);
      const inferences = await store.facts('inferences', { kind: 'paid-by', payments: scope });
      const counting = [...firstInferences(firstCopies(inferences).counting).values()];
      const find = linkedTo(inferences, counting);
      return subjectsOf(payments, (record) => record.payment_id).map((subject) => toRow(subject, find(subject)));
    },
  },
};
