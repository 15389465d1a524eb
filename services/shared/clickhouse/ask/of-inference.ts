import { blobShape, proofShape, servedShape, unknownShape } from '../../core/answer-shape.js';
import type { InferenceVerdict } from '../../core/attribution.js';
import { isOverdue, type ProofVerdict } from '../../core/proof.js';
import type { JsonObject } from '../../core/question.js';
import { AS_OF, micros, numberOrNull, type ViewReader } from './view-reader.js';

interface InferenceRow {
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

function inferenceRow(views: ViewReader, inference: string): Promise<InferenceRow | undefined> {
  return views.row<InferenceRow>(
    `SELECT status, release, activation, phase, basis, candidates, near_boundary, findings, blob_id, blob_status, blob_releases
     FROM inferences${AS_OF} WHERE inference_id = {inference:String}`,
    { inference },
  );
}

export async function servedAnswer(views: ViewReader, inference: string): Promise<JsonObject> {
  const row = await inferenceRow(views, inference);
  return row === undefined
    ? unknownShape(inference)
    : servedShape(inference, { ...row, nearBoundary: row.near_boundary });
}

export async function blobAnswer(views: ViewReader, inference: string): Promise<JsonObject> {
  const row = await inferenceRow(views, inference);
  if (row === undefined) return unknownShape(inference);
  return blobShape(inference, { blobId: row.blob_id, blobStatus: row.blob_status, blobReleases: row.blob_releases });
}

interface ProofRow {
  readonly state: ProofVerdict['state'];
  readonly path: ProofVerdict['path'];
  readonly verified_at: string | null;
  readonly unverifiable_since: string | null;
}

export async function proofAnswer(
  views: ViewReader,
  inference: string,
  settings: { readonly proofDeadlineMicros: number },
): Promise<JsonObject> {
  const row = await views.row<ProofRow>(
    `SELECT state, path, ${micros('verified_at')}, ${micros('unverifiable_since')}
     FROM proofs${AS_OF} WHERE inference_id = {inference:String}`,
    { inference },
  );
  const made = await views.row<{ at: string }>(
    `SELECT ${micros('occurred_at', 'at')} FROM inferences${AS_OF} WHERE inference_id = {inference:String}`,
    { inference },
  );
  const verdict: ProofVerdict = {
    state: row?.state ?? 'none',
    path: row?.path ?? null,
    verifiedAt: numberOrNull(row?.verified_at ?? null),
    unverifiableSince: numberOrNull(row?.unverifiable_since ?? null),
  };
  const overdue = isOverdue(verdict, {
    inferenceAt: numberOrNull(made?.at ?? null),
    knownAtMs: views.knownAtMs,
    deadlineMicros: settings.proofDeadlineMicros,
  });
  return proofShape(inference, verdict, overdue);
}
