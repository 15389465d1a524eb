import type { InferenceRecord } from '../../schemas/types.generated.js';
import type { InferenceVerdict } from '../shared/core/attribution.js';
import { inferenceHistory, type Revision } from '../shared/core/histories.js';
import type { InferenceFact } from '../shared/core/record.js';
import type { ReleaseKnowledge, Row } from '../shared/runtime/definition.js';
import type { Subject } from '../shared/runtime/subjects.js';

// The facts come first: a row that knows of another copy is right about more than one that knows a later release.
const RELEASE_OFFSET_BITS = 44n;

/**
 * The rows of one inference in `inference_rows`. Mostly one; where copies of its record differ in what rows are ordered
 * by, each of the others gets a void row, which takes the place of one that was written before the copy was known.
 */
export function toRows({ counting, copies, weight }: Subject<InferenceRecord>, releases: ReleaseKnowledge): Row[] {
  const releaseOffset = releases.nextOffset;
  const knowledge = {
    facts: weight,
    release_offset: releaseOffset.toString(),
    version: ((BigInt(weight) << RELEASE_OFFSET_BITS) | releaseOffset).toString(),
  };
  const [counts] = counting;
  const rows = new Map<string, Row>();
  for (const copy of copies) rows.set(keyOf(copy), { ...recordColumns(copy), ...VOID, ...knowledge });
  if (counts !== undefined) {
    const history = inferenceHistory(counts, releases.log.model(counts.record.model_id)).map(verdictColumns);
    const newest = history.pop();
    rows.set(keyOf(counts), { ...recordColumns(counts), ...newest, earlier: history, ...knowledge } as unknown as Row);
  }
  return [...rows.values()];
}

const VOID = { void: true, known_at: 0 };

/** What the table is ordered by, besides the inference. */
function keyOf({ record }: InferenceFact): string {
  return `${record.occurred_at} ${record.model_id}`;
}

function recordColumns({ record, position }: InferenceFact): object {
  return {
    inference_id: record.inference_id,
    model_id: record.model_id,
    occurred_at: record.occurred_at,
    requested_model: record.requested_model,
    claim: record.release,
    blob_id: record.blob_id,
    target_id: record.target_id,
    agent_id: record.agent_id,
    session_id: record.session_id,
    request_hash: record.request_hash,
    output_hash: record.output_hash,
    cost: record.cost,
    partition: position.partition,
    offset: position.offset.toString(),
    appended_at: position.appendedAtMs,
  };
}

function verdictColumns({ knownAtMs, value }: Revision<InferenceVerdict>): Row {
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
  } as Row;
}
