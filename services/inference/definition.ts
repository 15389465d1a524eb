import type { Definition } from '../shared/runtime/definition.js';
import { subjectsOf } from '../shared/runtime/subjects.js';
import { toRows } from './to-row.js';

/** Inference records become one row each: which release served it, from which blob, and since when that is known. */
export const inference: Definition<'inferences'> = {
  service: 'inference',
  stream: 'inferences',
  readsReleases: true,
  joined: {
    table: 'inference_rows',
    async rows(scope, { store, releases }) {
      const facts = await store.facts('inferences', scope);
      return subjectsOf(facts, (record) => record.inference_id).flatMap((subject) => toRows(subject, releases));
    },
  },
  touches: (scope, store) => store.paymentsReferringTo(scope),
};
