import type { RecordOf, Stream } from '../shared/core/record.js';

/** The field that is the record's Kafka key (SPEC 2). */
export const KEY_FIELDS: { readonly [S in Stream]: string & keyof RecordOf[S] } = {
  releases: 'model_id',
  inferences: 'inference_id',
  proofs: 'inference_id',
  payments: 'payment_id',
  agents: 'agent_id',
};
