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
  const knowledge: Knowledge = {
    facts: weight,
    release_offset: releaseOffset.toString(),
    version: ((BigInt(weight) << RELEASE_OFFSET_BITS) | releaseOffset).toString(),
  };
  const [counts] = counting;
  const rows = counts === undefined ? [] : [rowOf(counts, releases, knowledge)];
  if (copies.length === 1 && counts !== undefined) return rows;
  const others = new Map(copies.map((copy) => [keyOf(copy), copy]));
  if (counts !== undefined) others.delete(keyOf(counts));
  return [...rows, ...[...others.values()].map((copy) => voidRow(copy, knowledge))];
}

interface Knowledge {
  readonly facts: number;
  readonly release_offset: string;
  readonly version: string;
}

/** What the table is ordered by, besides the inference. */
function keyOf({ record }: InferenceFact): string {
  return `${record.occurred_at} ${record.model_id}`;
}

// One literal, not objects spread into each other: that took twenty times as long for a row of this width.
function rowOf(fact: InferenceFact, releases: ReleaseKnowledge, knowledge: Knowledge): Row {
  const { record, position } = fact;
  const history = inferenceHistory(fact, releases.log.model(record.model_id)).map(verdictColumns);
  const newest = history.pop() as VerdictColumns;
  const row = {
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
    known_at: newest.known_at,
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
    earlier: history,
    partition: position.partition,
    offset: position.offset.toString(),
    appended_at: position.appendedAtMs,
    facts: knowledge.facts,
    release_offset: knowledge.release_offset,
    version: knowledge.version,
  };
  return row;
}

function voidRow({ record, position }: InferenceFact, knowledge: Knowledge): Row {
  const row = {
    inference_id: record.inference_id,
    model_id: record.model_id,
    occurred_at: record.occurred_at,
    void: true,
    known_at: 0,
    partition: position.partition,
    offset: position.offset.toString(),
    appended_at: position.appendedAtMs,
    facts: knowledge.facts,
    release_offset: knowledge.release_offset,
    version: knowledge.version,
  };
  return row;
}

type VerdictColumns = ReturnType<typeof verdictColumns>;

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
