import type { InferenceRecord, PaymentRecord, ProofRecord, ReleaseRecord } from '../../../schemas/types.generated.js';
import { BLANK_RELEASE } from '../../../services/demo/blank-release.js';
import { START_MS } from './network.fixture.js';

export const START_MICROS = START_MS * 1000;
const MINUTE_MICROS = 60_000_000;

/** Minutes after the start, in microseconds. */
export function minute(minutes: number): number {
  return START_MICROS + minutes * MINUTE_MICROS;
}

export function traffic(eventId: string, at: number, shares: Record<string, number>, modelId = 'm'): ReleaseRecord {
  return releaseRecord({
    event_id: eventId,
    occurred_at: at,
    action: 'TRAFFIC_SET',
    traffic: shares,
    model_id: modelId,
  });
}

export function releaseRecord(fields: Partial<ReleaseRecord>): ReleaseRecord {
  return {
    event_id: 'r',
    occurred_at: START_MICROS,
    source: 'test',
    model_id: 'm',
    action: 'TRAFFIC_SET',
    ...BLANK_RELEASE,
    ...fields,
  };
}

export function inferenceRecord(id: string, fields: Partial<InferenceRecord> = {}): InferenceRecord {
  return {
    event_id: `event of ${id}`,
    occurred_at: START_MICROS,
    source: 'test',
    source_ref: null,
    inference_id: id,
    model_id: 'm',
    requested_model: null,
    release: null,
    blob_id: null,
    target_id: null,
    agent_id: null,
    session_id: null,
    request_hash: null,
    output_hash: null,
    cost: null,
    clock_error_ms: null,
    ...fields,
  };
}

export function paymentRecord(id: string, fields: Partial<PaymentRecord> = {}): PaymentRecord {
  return {
    event_id: `event of ${id}`,
    occurred_at: START_MICROS,
    source: 'test',
    source_ref: null,
    payment_id: id,
    state: 'SETTLED',
    amount: '100',
    asset: 'OPG',
    network: 'eip155:8453',
    payer: '0x00',
    payee: '0x00',
    session_id: null,
    model_id: null,
    tx_hash: null,
    allocations: [],
    ...fields,
  };
}

export function proofRecord(id: string, inferenceId: string, fields: Partial<ProofRecord> = {}): ProofRecord {
  return {
    event_id: `event of ${id}`,
    occurred_at: START_MICROS,
    source: 'test',
    source_ref: null,
    proof_id: id,
    inference_id: inferenceId,
    path: 'TEE',
    state: 'VERIFIED',
    verifier: null,
    target_id: null,
    digest: null,
    evidence_blob_id: null,
    batch_root: null,
    leaf_index: null,
    tx_hash: null,
    ...fields,
  };
}
