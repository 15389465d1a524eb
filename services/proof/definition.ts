import type { Definition } from '../shared/runtime/definition.js';
import { subjectsOf } from '../shared/runtime/subjects.js';
import { toRow } from './to-row.js';

/** Proof records become one row an inference: whether, how and when it was verified. */
export const proof: Definition<'proofs'> = {
  service: 'proof',
  stream: 'proofs',
  readsReleases: false,
  joined: {
    table: 'proof_rows',
    async rows(scope, { store }) {
      const facts = await store.facts('proofs', scope);
      return subjectsOf(facts, (record) => record.inference_id).map(toRow);
    },
  },
};
