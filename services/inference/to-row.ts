import type { InferenceVerdict } from '../shared/core/attribution.js';
import { inferenceHistory, type Revision } from '../shared/core/histories.js';
import type { InferenceFact } from '../shared/core/record.js';
import type { ReleaseKnowledge, Row } from '../shared/runtime/definition.js';

/** The row of an inference record in `inference_rows`: the record, and all that was ever known of what served it. */
// One literal, not objects spread into each other: that took twenty times as long for a row of this width.
export function toRow({ record, key, position }: InferenceFact, releases: ReleaseKnowledge): Row {
  const history = verdictsOf({ record, key, position }, releases);
  const newest = history.pop() as VerdictColumns;
  const row = {
    inference_id: record.inference_id,
    model_id: record.model_id,
    occurred_at: record.occurred_at,
    partition: position.partition,
    offset: position.offset.toString(),
    appended_at: position.appendedAtMs,
    key,
    event_id: record.event_id,
    source: record.source,
    source_ref: record.source_ref,
    requested_model: record.requested_model,
    claim: record.release,
    blob_id: record.blob_id,
    target_id: record.target_id,
    agent_id: record.agent_id,
    session_id: record.session_id,
    request_hash: record.request_hash,
    output_hash: record.output_hash,
    cost: record.cost,
    clock_error_ms: record.clock_error_ms,
    status: newest.status,
    release: newest.release,
    activation: newest.activation,
    phase: newest.phase,
    basis: newest.basis,
    candidates: newest.candidates,
    near_boundary: newest.near_boundary,
    findings: newest.findings,
    blob_status: newest.blob_status,
    blob_releases: newest.blob_releases,
    known_at: newest.known_at,
    earlier: history,
    release_offset: releases.nextOffset.toString(),
  };
  return row;
}

/** What is said of a record, oldest first: never empty. */
export function verdictsOf(fact: InferenceFact, releases: ReleaseKnowledge): VerdictColumns[] {
  return inferenceHistory(fact, releases.log.model(fact.record.model_id)).map(verdictColumns);
}

export type VerdictColumns = ReturnType<typeof verdictColumns>;

function verdictColumns({ knownAtMs, value }: Revision<InferenceVerdict>) {
  return {
    known_at: knownAtMs,
    status: value.status,
    release: value.release,
    activation: value.activation,
    phase: value.phase,
    basis: value.basis,
    candidates: value.candidates,
    near_boundary: value.nearBoundary,
    findings: value.findings,
    blob_status: value.blobStatus,
    blob_releases: value.blobReleases,
  };
}
