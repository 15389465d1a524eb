// Generated from schemas/*.avsc by schemas/generate.ts. Do not edit.

/** Microseconds since 1970-01-01 UTC. */
export type TimestampMicros = number;

/** Record of opengradient.releases.v1. */
export interface ReleaseRecord {
  event_id: string;
  occurred_at: TimestampMicros;
  source: string;
  source_ref: string | null;
  model_id: string;
  action: ReleaseAction;
  release: string | null;
  effective_at: TimestampMicros | null;
  reason: string | null;
  actor: string | null;
  blob_ids: string[];
  digest: string | null;
  traffic: Record<string, number> | null;
  to: string | null;
  flag_id: string | null;
  severity: string | null;
  activation: number | null;
  from: TimestampMicros | null;
  until: TimestampMicros | null;
  targets: string[] | null;
  target_id: string | null;
}
export type ReleaseAction =
  | 'PUBLISHED'
  | 'TRAFFIC_SET'
  | 'ROLLED_BACK'
  | 'FLAGGED'
  | 'UNFLAGGED'
  | 'TARGET_BOUND'
  | 'TARGET_UNBOUND'
  | 'INCIDENT_CLOSED'
  | 'RETIRED';

/** Record of opengradient.inferences.v1. */
export interface InferenceRecord {
  event_id: string;
  occurred_at: TimestampMicros;
  source: string;
  source_ref: string | null;
  inference_id: string;
  model_id: string;
  requested_model: string | null;
  release: string | null;
  blob_id: string | null;
  target_id: string | null;
  agent_id: string | null;
  session_id: string | null;
  request_hash: string | null;
  output_hash: string | null;
  cost: string | null;
  clock_error_ms: number | null;
}

/** Record of opengradient.proofs.v1. */
export interface ProofRecord {
  event_id: string;
  occurred_at: TimestampMicros;
  source: string;
  source_ref: string | null;
  proof_id: string;
  inference_id: string;
  path: ProofPath;
  state: ProofState;
  verifier: string | null;
  target_id: string | null;
  digest: string | null;
  evidence_blob_id: string | null;
  batch_root: string | null;
  leaf_index: number | null;
  tx_hash: string | null;
}
export type ProofPath = 'TEE' | 'ZKML' | 'VANILLA' | 'OTHER';
export type ProofState = 'SUBMITTED' | 'VERIFIED' | 'FAILED' | 'UNVERIFIABLE';

/** Record of opengradient.payments.v1. */
export interface PaymentRecord {
  event_id: string;
  occurred_at: TimestampMicros;
  source: string;
  source_ref: string | null;
  payment_id: string;
  state: PaymentState;
  amount: string;
  asset: string;
  network: string;
  payer: string;
  payee: string;
  session_id: string | null;
  model_id: string | null;
  tx_hash: string | null;
  allocations: PaymentAllocation[];
}
export interface PaymentAllocation {
  inference_id: string;
  amount: string | null;
}
export type PaymentState = 'AUTHORISED' | 'SETTLED' | 'FAILED' | 'REFUNDED' | 'REVERSED';

/** Record of opengradient.agents.v1. */
export interface AgentRecord {
  event_id: string;
  occurred_at: TimestampMicros;
  source: string;
  source_ref: string | null;
  agent_id: string;
  change_id: string;
  action: AgentAction;
  kind: AgentKind;
  model_id: string | null;
  before_digest: string | null;
  after_digest: string | null;
  caused_by: string[];
  upstream_agent_ids: string[];
  reverts_change_id: string | null;
}
export type AgentAction = 'CHANGED' | 'REVERTED' | 'ACKNOWLEDGED';
export type AgentKind = 'PROMPT' | 'POLICY' | 'TOOLSET' | 'MEMORY' | 'STRATEGY' | 'MODEL_PIN' | 'OTHER';

/** Record of backtrail.alerts.v1. */
export interface AlertRecord {
  alert_id: string;
  kind: AlertKind;
  model_id: string;
  release: string;
  subject: string;
  raised_at: TimestampMicros;
  state: AlertState;
  changed_at: TimestampMicros;
  retroactive: boolean;
  late: boolean;
  severity: string | null;
}
export type AlertKind = 'SETTLED_ON_FLAGGED' | 'FLAGGED_REACTIVATED' | 'STALE_SERVING';
export type AlertState = 'firing' | 'resolved';
