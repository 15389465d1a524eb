import { isoFromMicros } from '../shared/core/time.js';
import type { AgentsTold } from './agents.js';
import type { ModelPlan } from './network.js';
import type { Proven } from './proofs.js';
import type { Request } from './request.js';
import type { Expectation } from './truth.js';

const SECOND = 1_000_000;
/** Requests asked about one by one: the first of each kind, up to so many. */
const SAMPLES_MAX = 30;

export function iso(micros: number | null): string | null {
  return micros === null ? null : isoFromMicros(micros);
}

/** Question 1, of time: the split shortly after each change, and before there was any. */
export function timelineExpectations(model: ModelPlan): Expectation[] {
  const first = model.segments[0]?.from ?? 0;
  const moments = [
    { at: first - SECOND, shares: {} },
    ...model.segments.map(({ from, shares }) => ({ at: from + 5 * SECOND, shares })),
  ];
  return moments.map(({ at, shares }) => ({
    question: { ask: 'timeline', model: model.id, at },
    answer: { model: model.id, at: iso(at), traffic: { ...shares } },
  }));
}

export function windowsExpectation(model: ModelPlan): Expectation {
  const windows = model.activations.toSorted((a, b) => a.from - b.from || (a.release < b.release ? -1 : 1));
  return {
    question: { ask: 'windows', model: model.id },
    answer: windows.map(({ release, activation, from, to, restored }) => ({
      release,
      activation,
      from: iso(from),
      to: iso(to),
      undone_by_rollback: restored !== null,
      restored,
      flagged: release === model.flag?.release && model.incident.activations.includes(activation),
    })),
  };
}

export function incidentExpectations(model: ModelPlan): Expectation[] {
  const { state, activations, containedAt, recoveredAt } = model.incident;
  const release = model.flag?.release ?? [...model.releases.keys()][0] ?? '';
  if (state === 'none') {
    return [
      { question: { ask: 'incident', model: model.id, release }, answer: { state } },
      { question: { ask: 'incidents', model: model.id }, answer: [] },
    ];
  }
  const answer = {
    state,
    activations: [...activations],
    contained_at: iso(containedAt),
    recovered_at: iso(recoveredAt),
  };
  return [
    { question: { ask: 'incident', model: model.id, release }, answer: { ...answer, linked: [] } },
    { question: { ask: 'incidents', model: model.id }, answer: [{ model: model.id, release, ...answer }] },
  ];
}

export function agentsExpectation(told: AgentsTold): Expectation {
  const byAgent = <T extends { agent: string }>(list: readonly T[]): T[] =>
    list.toSorted((a, b) => (a.agent < b.agent ? -1 : 1));
  const timed = (list: AgentsTold['reverted']) => byAgent(list).map(({ agent, at }) => ({ agent, at: iso(at) }));
  return {
    question: { ask: 'agents', model: told.model.id, release: told.model.flag?.release ?? '', activation: 1 },
    answer: {
      changed: told.changed.toSorted(),
      delayed: told.delayed.toSorted(),
      persisting: told.persisting.toSorted(),
      reverted: timed(told.reverted),
      relapsed: timed(told.relapsed),
      unknown: told.unknown.toSorted(),
      excluded: byAgent(told.excluded),
      secondary: byAgent(told.secondary),
    },
  };
}

/** Questions 1 to 3 about single requests, one of each kind. */
export function requestExpectations(requests: readonly Request[], proofs: ReadonlyMap<string, Proven>): Expectation[] {
  const kinds = new Map<string, Request>();
  for (const request of requests) {
    const { status, basis, phase, findings, near_boundary: near } = request.expected;
    const proof = proofs.get(request.record.inference_id);
    const served = [status, basis, phase, findings.join(), near].join(' ');
    const proven = [request.model.proxied, proof?.state, proof?.path, proof?.unverifiableSince != null].join(' ');
    for (const kind of [served, proven]) if (!kinds.has(kind)) kinds.set(kind, request);
  }
  const samples = [...new Set(kinds.values())].slice(0, SAMPLES_MAX);
  return samples.flatMap((request) => {
    const inference = request.record.inference_id;
    const expected: Expectation[] = [
      {
        question: { ask: 'served', inference },
        answer: { ...request.expected, candidates: [...request.expected.candidates] },
      },
      { question: { ask: 'blob', inference }, answer: blobAnswer(request) },
    ];
    const proof = proofs.get(inference);
    if (proof) expected.push(proofExpectation(inference, proof));
    return expected;
  });
}

function blobAnswer({ model, record }: Request): Expectation['answer'] {
  const blob = record.blob_id;
  const releases = [...model.releases.values()]
    .filter(({ ownBlobs, sharedBlob }) => blob !== null && (ownBlobs.includes(blob) || sharedBlob === blob))
    .map(({ name }) => name)
    .sort();
  const status = blob === null ? 'not_applicable' : releases.length > 0 ? 'matched' : 'unknown';
  return { inference: record.inference_id, blob_id: blob, status, releases };
}

export function proofExpectation(inference: string, proof: Proven, reported = true): Expectation {
  return {
    question: { ask: 'proof', inference },
    answer: {
      inference,
      path: proof.path,
      state: proof.state,
      verified_at: iso(proof.verifiedAt),
      unverifiable_since: iso(proof.unverifiableSince),
      // The story ends long before anybody asks.
      overdue: reported && (proof.state === 'pending' || proof.state === 'none'),
    },
  };
}
