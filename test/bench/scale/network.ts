import type {
  AgentRecord,
  InferenceRecord,
  PaymentRecord,
  ProofRecord,
  ReleaseRecord,
} from '../../../schemas/types.generated.js';
import { BLANK_RELEASE } from '../../../services/demo/blank-release.js';
import { mixed, mixedHex } from './mixing.js';

/**
 * A network whose history is a function of numbers: inference i of N is the same whoever asks, so that nothing need be
 * kept. Ten inferences in a row are one group, of one model, and paid together.
 *
 *   days        0          2.5     3            5            8          10
 *   model-00    v1 ------- 10 % v2 v2 ---------------------- v1 (v2 rolled back)     a fifth of all; v2 will be flagged
 *   model-01    v1 ------------------------ v2 ---------------------                 a fifth; nothing but traffic tells
 *   the others  as model-00
 */
export interface Network {
  readonly inferences: number;
  readonly seed: number;
  readonly startMicros: number;
}

export const MODELS = 50;
export const FLAGGED_MODEL = 'model-00';
export const CORRECTED_MODEL = 'model-01';
export const GROUP = 10;
const AGENTS = 2000;
const AGENT_EVERY = 200;
const DAY_MICROS = 86_400_000_000;
export const SPAN_MICROS = 10 * DAY_MICROS;
const CANARY = 2.5;
const SECOND = 3;
const SWITCHED = 5;
const BACK = 8;
/** Of a hundred inferences so many say which blob produced them. */
const WITH_BLOB = 85;

export function modelName(number: number): string {
  return `model-${String(number).padStart(2, '0')}`;
}

export function dayMicros({ startMicros }: Network, day: number): number {
  return startMicros + day * DAY_MICROS;
}

/** After all of the history. */
export function endMicros(network: Network): number {
  return network.startMicros + SPAN_MICROS;
}

export function modelNumberOf(i: number, { seed }: Network): number {
  const group = Math.floor(i / GROUP);
  return group % 5 < 2 ? group % 5 : 2 + (mixed(group, seed, 1) % (MODELS - 2));
}

export function inferenceId(i: number, { seed }: Network): string {
  return `0x${mixedHex(i, seed, 2)}${mixedHex(i, seed, 3)}`;
}

export function paymentId(group: number, { seed }: Network): string {
  return `pay-${mixedHex(group, seed, 4)}`;
}

function sessionId(group: number, { seed }: Network): string {
  return `ses-${mixedHex(group, seed, 5)}`;
}

/** @param at when it ran; by default in its place in the history */
export function inferenceOf(i: number, network: Network, at = timeOf(i, network)): InferenceRecord {
  const { seed } = network;
  const group = Math.floor(i / GROUP);
  const model = modelNumberOf(i, network);
  const dice = mixed(i, seed, 6) % 100;
  const release = servedBy((at - network.startMicros) / DAY_MICROS, dice);
  const tells = model !== 1 && dice < WITH_BLOB;
  return {
    event_id: `inf-${mixedHex(i, seed, 7)}`,
    occurred_at: at,
    source: 'inference-node',
    source_ref: null,
    inference_id: inferenceId(i, network),
    model_id: modelName(model),
    requested_model: null,
    release: tells ? release : null,
    blob_id: tells ? blobOf(model, release) : null,
    target_id: null,
    agent_id: `agent-${mixed(i, seed, 8) % AGENTS}`,
    session_id: group % 2 === 0 ? sessionId(group, network) : null,
    request_hash: null,
    output_hash: `0x${mixedHex(i, seed, 9)}${mixedHex(i, seed, 10)}`,
    cost: String((1 + (mixed(i, seed, 11) % 100_000)) * 1_000_000_000_000),
    clock_error_ms: null,
  };
}

function timeOf(i: number, { inferences, startMicros }: Network): number {
  return startMicros + Math.floor((i / inferences) * SPAN_MICROS);
}

/** A twentieth of the canary's time and one in a hundred after the rollback run v2. */
function servedBy(day: number, dice: number): string {
  if (day < CANARY) return 'v1';
  if (day < SECOND) return dice < 10 ? 'v2' : 'v1';
  if (day < BACK) return 'v2';
  return dice === 0 ? 'v2' : 'v1';
}

function blobOf(model: number, release: string): string {
  return `${mixedHex(model, 0, 12)}-${release}`.padEnd(43, '0');
}

/** Of every second inference; one in twenty of these is submitted first, one in forty fails. */
export function proofsOf(i: number, network: Network): ProofRecord[] {
  if (i % 2 !== 0) return [];
  const { seed } = network;
  const half = i / 2;
  const state = half % 40 === 1 ? 'FAILED' : 'VERIFIED';
  const states = half % 20 === 0 ? (['SUBMITTED', state] as const) : ([state] as const);
  return states.map((reached, step) => ({
    event_id: `prf-${mixedHex(i, seed, 20 + step)}`,
    occurred_at: timeOf(i, network) + (step + 1) * 1_000_000,
    source: 'settlement-indexer',
    source_ref: null,
    proof_id: `proof-${mixedHex(i, seed, 23)}`,
    inference_id: inferenceId(i, network),
    path: half % 10 === 0 ? 'ZKML' : 'TEE',
    state: reached,
    verifier: '0x7c9d1b1c6b7f5c7f0a8e1f3f2f4bb0d1b2c3d4e5',
    target_id: null,
    digest: null,
    evidence_blob_id: null,
    batch_root: null,
    leaf_index: null,
    tx_hash: `0x${mixedHex(i, seed, 24)}${mixedHex(i, seed, 25)}`,
  }));
}

/** Of one group: every second by session, the others by allocation; one in twenty comes back. */
export function paymentsOf(group: number, network: Network): PaymentRecord[] {
  const { seed } = network;
  const first = group * GROUP;
  const bySession = group % 2 === 0;
  const ids = Array.from({ length: GROUP }, (_, i) => inferenceId(first + i, network));
  const states = group % 20 === 7 ? (['SETTLED', 'REFUNDED'] as const) : (['SETTLED'] as const);
  return states.map((state, step) => ({
    event_id: `pev-${mixedHex(group, seed, 30 + step)}`,
    occurred_at: timeOf(first, network) + (110 + step * 3600) * 1_000_000,
    source: 'x402-facilitator',
    source_ref: null,
    payment_id: paymentId(group, network),
    state,
    amount: '1000000000000000000',
    asset: 'OPG',
    network: 'eip155:8453',
    payer: '0x1f0e5d3c2b4a59687766554433221100ffeeddcc',
    payee: '0x2f0e5d3c2b4a59687766554433221100ffeeddcc',
    session_id: bySession ? sessionId(group, network) : null,
    model_id: null,
    tx_hash: `0x${mixedHex(group, seed, 33)}${mixedHex(group, seed, 34)}`,
    allocations: bySession ? [] : ids.map((id) => ({ inference_id: id, amount: '100000000000000000' })),
  }));
}

/** A change of an agent now and then; every third is taken back by the next. */
export function agentsOf(i: number, network: Network): AgentRecord[] {
  if (i % AGENT_EVERY !== 0) return [];
  const { seed } = network;
  const turn = i / AGENT_EVERY;
  const revert = turn % 3 === 2;
  const about = revert ? turn - 1 : turn;
  return [
    {
      event_id: `agt-${mixedHex(turn, seed, 40)}`,
      occurred_at: timeOf(i, network) + 5_000_000,
      source: 'agent-runtime',
      source_ref: null,
      agent_id: `agent-${mixed(about, seed, 41) % AGENTS}`,
      change_id: `chg-${mixedHex(turn, seed, 42)}`,
      action: revert ? 'REVERTED' : 'CHANGED',
      kind: 'PROMPT',
      model_id: null,
      before_digest: `0x${mixedHex(about, seed, 43)}`,
      after_digest: `0x${mixedHex(turn, seed, 44)}`,
      caused_by: revert ? [] : [inferenceId(i, network)],
      upstream_agent_ids: [],
      reverts_change_id: revert ? `chg-${mixedHex(about, seed, 42)}` : null,
    },
  ];
}

export function releasesOf(network: Network): ReleaseRecord[] {
  const records: ReleaseRecord[] = [];
  const add = (model: number, day: number, fields: Partial<ReleaseRecord> & Pick<ReleaseRecord, 'action'>): void => {
    records.push(releaseRecord(`${records.length}`, { model, at: dayMicros(network, day) }, fields));
  };
  for (let model = 0; model < MODELS; model += 1) {
    for (const release of ['v1', 'v2', 'v3']) {
      add(model, 0, { action: 'PUBLISHED', release, blob_ids: [blobOf(model, release)] });
      add(model, 0, { action: 'TARGET_BOUND', release, target_id: `0x${mixedHex(model, 0, 50)}-${release}` });
    }
    add(model, 0, { action: 'TRAFFIC_SET', traffic: { v1: 10_000 } });
    if (modelName(model) === CORRECTED_MODEL) {
      add(model, SWITCHED, { action: 'TRAFFIC_SET', traffic: { v2: 10_000 } });
      continue;
    }
    add(model, CANARY, { action: 'TRAFFIC_SET', traffic: { v1: 9000, v2: 1000 } });
    add(model, SECOND, { action: 'TRAFFIC_SET', traffic: { v2: 10_000 } });
    add(model, BACK, { action: 'ROLLED_BACK', release: 'v2', to: 'v1' });
  }
  return records;
}

/** v2 of the flagged model is declared bad after the fact, wherever it ran. */
export function flagOf(network: Network): ReleaseRecord {
  const fields = { action: 'FLAGGED', release: 'v2', flag_id: 'scale-flag', severity: 'high' } as const;
  return releaseRecord('flag', { model: 0, at: endMicros(network) }, fields);
}

/** It becomes known that the corrected model never left v1: v2 was undone at the moment it was switched on. */
export function backDatedRollbackOf(network: Network): ReleaseRecord {
  const at = endMicros(network);
  const effective = dayMicros(network, SWITCHED) + 1_000_000;
  const fields = { action: 'ROLLED_BACK', release: 'v2', to: 'v1', effective_at: effective } as const;
  return releaseRecord('rollback', { model: 1, at }, fields);
}

function releaseRecord(
  id: string,
  { model, at }: { model: number; at: number },
  fields: Partial<ReleaseRecord> & Pick<ReleaseRecord, 'action'>,
): ReleaseRecord {
  return {
    event_id: `rel-${id}`,
    occurred_at: at,
    source: 'hub-indexer',
    model_id: modelName(model),
    ...BLANK_RELEASE,
    ...fields,
  };
}
