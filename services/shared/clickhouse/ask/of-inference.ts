import { blobShape, proofShape, servedShape, unknownShape } from '../../core/answer-shape.js';
import type { InferenceVerdict } from '../../core/attribution.js';
import { isOverdue, proofOf } from '../../core/proof.js';
import type { JsonObject } from '../../core/question.js';
import type { TaintClass } from '../../core/taint.js';
import type { Params } from '../client.js';
import { isCovered, type ModelStateAt } from './state.js';
import { micros, millis, type ViewReader } from './view-reader.js';

/** What was said of one inference from `knownAtMs` on. */
export interface InferenceSaid extends InferenceVerdict {
  readonly inferenceId: string;
  readonly modelId: string;
  readonly occurredAt: number;
  readonly targetId: string | null;
  readonly blobId: string | null;
  readonly knownAtMs: number;
}

interface RevisionRow {
  readonly inference_id: string;
  readonly model_id: string;
  readonly occurred: string;
  readonly known: string;
  readonly target_id: string | null;
  readonly status: InferenceVerdict['status'];
  readonly release: string | null;
  readonly activation: number | null;
  readonly phase: InferenceVerdict['phase'];
  readonly basis: InferenceVerdict['basis'];
  readonly candidates: InferenceVerdict['candidates'];
  readonly near_boundary: boolean;
  readonly findings: readonly string[];
  readonly blob_id: string | null;
  readonly blob_status: InferenceVerdict['blobStatus'];
  readonly blob_releases: readonly string[];
}

/** What was said of the inferences that meet a condition, as known at K. */
export async function saidOf(
  views: ViewReader,
  { condition, params, knownAtMs }: { condition: string; params: Params; knownAtMs: number },
): Promise<Map<string, InferenceSaid>> {
  const rows = await views.rows<RevisionRow>(
    `SELECT inference_id, model_id, ${micros('occurred_at', 'occurred')}, ${millis('known_at', 'known')}, target_id,
       status, release, activation, phase, basis, candidates, near_boundary, findings, blob_id, blob_status, blob_releases
     FROM inference_revisions WHERE ${condition}`,
    params,
  );
  const said = new Map<string, InferenceSaid>();
  for (const row of rows) {
    const revision = toSaid(row);
    const before = said.get(row.inference_id);
    if (revision.knownAtMs > knownAtMs || (before !== undefined && before.knownAtMs > revision.knownAtMs)) continue;
    said.set(row.inference_id, revision);
  }
  return said;
}

function toSaid(row: RevisionRow): InferenceSaid {
  return {
    inferenceId: row.inference_id,
    modelId: row.model_id,
    occurredAt: Number(row.occurred),
    knownAtMs: Number(row.known),
    targetId: row.target_id,
    status: row.status,
    release: row.release,
    activation: row.activation,
    phase: row.phase,
    basis: row.basis,
    candidates: row.candidates,
    nearBoundary: row.near_boundary,
    findings: row.findings,
    blobId: row.blob_id,
    blobStatus: row.blob_status,
    blobReleases: row.blob_releases,
  };
}

/** Undefined while no record of it is known. */
export async function saidOfOne(
  views: ViewReader,
  inference: string,
  knownAtMs: number,
): Promise<InferenceSaid | undefined> {
  const condition = 'inference_id = {inference:String}';
  return (await saidOf(views, { condition, params: { inference }, knownAtMs })).get(inference);
}

export async function servedAnswer(views: ViewReader, inference: string, knownAtMs: number): Promise<JsonObject> {
  const said = await saidOfOne(views, inference, knownAtMs);
  return said === undefined ? unknownShape(inference) : servedShape(inference, said);
}

export async function blobAnswer(views: ViewReader, inference: string, knownAtMs: number): Promise<JsonObject> {
  const said = await saidOfOne(views, inference, knownAtMs);
  return said === undefined ? unknownShape(inference) : blobShape(inference, said);
}

export async function proofAnswer(
  views: ViewReader,
  inference: string,
  { knownAtMs, proofDeadlineMicros }: { readonly knownAtMs: number; readonly proofDeadlineMicros: number },
): Promise<JsonObject> {
  const [said, records] = await Promise.all([
    saidOfOne(views, inference, knownAtMs),
    views.records('proofs', 'inference_id = {inference:String}', { inference }),
  ]);
  const verdict = proofOf(records.filter(({ position }) => position.appendedAtMs <= knownAtMs));
  const inferenceAt = said?.occurredAt ?? null;
  return proofShape(
    inference,
    verdict,
    isOverdue(verdict, { inferenceAt, knownAtMs, deadlineMicros: proofDeadlineMicros }),
  );
}

/** The class of a payment's part by what was said of its inference; without anything said it is unattributed. */
export function classOf(said: InferenceSaid | undefined, state: ModelStateAt): TaintClass {
  if (said === undefined || said.status === 'unattributed') return 'unattributed';
  const covered = said.candidates.some(({ release }) =>
    isCovered(state, { release, at: said.occurredAt, targetId: said.targetId }),
  );
  if (!covered) return 'clean';
  return said.status === 'attributed' ? 'tainted' : 'possible';
}
