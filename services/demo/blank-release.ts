import type { ReleaseRecord } from '../../schemas/types.generated.js';

/** What a release record leaves out: each action uses few of the fields, and Avro has them all. */
export const BLANK_RELEASE = {
  source_ref: null,
  release: null,
  effective_at: null,
  reason: null,
  actor: null,
  blob_ids: [],
  digest: null,
  traffic: null,
  to: null,
  flag_id: null,
  severity: null,
  activation: null,
  from: null,
  until: null,
  targets: null,
  target_id: null,
} satisfies Partial<ReleaseRecord>;
