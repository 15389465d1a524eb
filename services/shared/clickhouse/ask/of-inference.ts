import { blobShape, proofShape, servedShape, unknownShape } from '../../core/answer-shape.js';
import type { InferenceVerdict } from '../../core/attribution.js';
import { groupBy } from '../../core/group.js';
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

/** Everything that was ever said of an inference, oldest first. */
export type Story = readonly InferenceSaid[];

/** What was ever said of the inferences that meet a condition, by inference. */
export async function storiesOf(
  views: ViewReader,
  condition: string,
  params: Params,
): Promise<ReadonlyMap<string, Story>> {
  const rows = await views.rows<RevisionRow>(
    `SELECT inference_id, model_id, ${micros('occurred_at', 'occurred')}, ${millis('known_at', 'known')}, target_id,
       status, release, activation, phase, basis, candidates, near_boundary, findings, blob_id, blob_status, blob_releases
     FROM inference_revisions WHERE ${condition}`,
    params,
  );
  const revisions = rows.map(toSaid).sort((a, b) => a.knownAtMs - b.knownAtMs);
  return groupBy(revisions, ({ inferenceId }) => inferenceId);
}

/** Undefined while no record of it is known. */
export function saidAt(story: Story | undefined, knownAtMs: number): InferenceSaid | undefined {
  return story?.findLast((said) => said.knownAtMs <= knownAtMs);
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
  const story = await views.batched('said', inference, async (inferences) => {
    const stories = await storiesOf(views, 'inference_id IN {inferences:Array(String)}', { inferences });
    return inferences.map((one) => stories.get(one) ?? []);
  });
  return saidAt(story, knownAtMs);
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
    views.batched('proofs', inference, async (inferences) => {
      const proofs = await views.records('proofs', 'inference_id IN {inferences:Array(String)}', { inferences });
      const found = groupBy(proofs, ({ record }) => record.inference_id);
      return inferences.map((one) => found.get(one) ?? []);
    }),
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
