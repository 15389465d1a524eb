import type { ReleaseRecord } from '../../../schemas/types.generated.js';
import type { RecordOf, Stream } from './record.js';
import { DAY_MICROS, MICROS_PER_MS } from './time.js';

/** Why a decoded record is refused for good (SPEC 8). `reason` names the field and what is wrong with it. */
export interface Refusal {
  readonly code: 'INVALID_AMOUNT' | 'INVALID_ID' | 'INVALID_TRAFFIC' | 'INVALID_TIME' | 'MISSING_FIELD';
  readonly reason: string;
}

export const ID_BYTES_MAX = 512;
const AMOUNT_MAX = 2n ** 256n - 1n;
const AMOUNT_DIGITS_MAX = 78;
export const EARLIEST_MICROS = Date.UTC(2020, 0, 1) * MICROS_PER_MS;
/** Before this, in 1827, the Avro reader loses the sign of a long. */
const FAR_PAST_MICROS = -(2 ** 52);
const encoder = new TextEncoder();

/** Which values of a record are ids: names that rows are joined by. */
const IDS: { [S in Stream]: (record: RecordOf[S]) => Record<string, readonly (string | null)[]> } = {
  releases: (record) => ({
    model_id: [record.model_id],
    release: [record.release],
    to: [record.to],
    traffic: Object.keys(record.traffic ?? {}),
    blob_ids: record.blob_ids,
    flag_id: [record.flag_id],
    targets: record.targets ?? [],
    target_id: [record.target_id],
  }),
  inferences: (record) => ({
    inference_id: [record.inference_id],
    model_id: [record.model_id],
    release: [record.release],
    blob_id: [record.blob_id],
    target_id: [record.target_id],
    agent_id: [record.agent_id],
    session_id: [record.session_id],
  }),
  proofs: (record) => ({
    proof_id: [record.proof_id],
    inference_id: [record.inference_id],
    target_id: [record.target_id],
    evidence_blob_id: [record.evidence_blob_id],
  }),
  payments: (record) => ({
    payment_id: [record.payment_id],
    session_id: [record.session_id],
    model_id: [record.model_id],
    allocations: record.allocations.map((allocation) => allocation.inference_id),
  }),
  agents: (record) => ({
    agent_id: [record.agent_id],
    change_id: [record.change_id],
    model_id: [record.model_id],
    caused_by: record.caused_by,
    upstream_agent_ids: record.upstream_agent_ids,
    reverts_change_id: [record.reverts_change_id],
  }),
};

/** Null if the record is applied; otherwise why it never can be. */
export function refusal<S extends Stream>(stream: S, record: RecordOf[S], appendedAtMs: number): Refusal | null {
  return (
    refuseTime(record.occurred_at, appendedAtMs) ??
    refuseIds({ event_id: [record.event_id], ...IDS[stream](record) }) ??
    refuseContent(stream, record)
  );
}

function refuseTime(occurredAt: number, appendedAtMs: number): Refusal | null {
  if (!Number.isSafeInteger(occurredAt)) return refused('INVALID_TIME', 'occurred_at is not a whole microsecond');
  if (occurredAt < EARLIEST_MICROS) return refused('INVALID_TIME', 'occurred_at is before 2020');
  return occurredAt > appendedAtMs * MICROS_PER_MS + DAY_MICROS
    ? refused('INVALID_TIME', 'occurred_at is more than a day after the append time')
    : null;
}

function refuseIds(fields: Record<string, readonly (string | null)[]>): Refusal | null {
  for (const [field, ids] of Object.entries(fields)) {
    for (const id of ids) {
      if (id === null) continue;
      if (hasControlCharacter(id)) return refused('INVALID_ID', `${field} has a control character`);
      // A UTF-16 unit is at most 3 bytes of UTF-8, so most ids need no encoding to be measured.
      if (id.length * 3 > ID_BYTES_MAX && encoder.encode(id).length > ID_BYTES_MAX) {
        return refused('INVALID_ID', `${field} is longer than ${ID_BYTES_MAX} bytes`);
      }
    }
  }
  return null;
}

function hasControlCharacter(id: string): boolean {
  for (let i = 0; i < id.length; i += 1) {
    const unit = id.charCodeAt(i);
    if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)) return true;
  }
  return false;
}

function refuseContent<S extends Stream>(stream: S, record: RecordOf[S]): Refusal | null {
  switch (stream) {
    case 'releases':
      return refuseRelease(record as ReleaseRecord);
    case 'inferences':
      return refuseAmount('cost', (record as RecordOf['inferences']).cost);
    case 'payments': {
      const { amount, allocations } = record as RecordOf['payments'];
      return (
        refuseAmount('amount', amount) ??
        allocations.map((allocation) => refuseAmount('allocations.amount', allocation.amount)).find(isRefusal) ??
        null
      );
    }
    default:
      return null;
  }
}

function isRefusal(value: Refusal | null): value is Refusal {
  return value !== null;
}

/** Which fields an action cannot be understood without. */
const REQUIRED: Record<ReleaseRecord['action'], readonly (keyof ReleaseRecord)[]> = {
  PUBLISHED: ['release'],
  TRAFFIC_SET: ['traffic'],
  ROLLED_BACK: ['release', 'to'],
  FLAGGED: ['release', 'flag_id'],
  UNFLAGGED: ['flag_id'],
  TARGET_BOUND: ['target_id', 'release'],
  TARGET_UNBOUND: ['target_id'],
  INCIDENT_CLOSED: ['release'],
  RETIRED: ['release'],
};

function refuseRelease(record: ReleaseRecord): Refusal | null {
  const missing = REQUIRED[record.action].find((field) => record[field] === null);
  if (missing !== undefined) return refused('MISSING_FIELD', `${record.action} without ${missing}`);
  const far = (['effective_at', 'from', 'until'] as const).find((field) => (record[field] ?? 0) < FAR_PAST_MICROS);
  if (far !== undefined) return refused('INVALID_TIME', `${far} is before 1828`);
  if (record.traffic === null) return null;
  const shares = Object.values(record.traffic);
  const wrong = shares.find((share) => !Number.isInteger(share) || share < 0 || share > 10_000);
  if (wrong !== undefined) return refused('INVALID_TRAFFIC', `traffic has the share ${wrong}, not 0 to 10000`);
  const sum = shares.reduce((total, share) => total + share, 0);
  return sum === 0 || sum === 10_000 ? null : refused('INVALID_TRAFFIC', `traffic sums to ${sum}, not to 10000`);
}

function refuseAmount(field: string, amount: string | null): Refusal | null {
  if (amount === null) return null;
  if (!/^\d+$/.test(amount)) return refused('INVALID_AMOUNT', `${field} is not a whole number of the smallest unit`);
  const significant = amount.replace(/^0+/, '');
  return significant.length > AMOUNT_DIGITS_MAX || BigInt(amount) > AMOUNT_MAX
    ? refused('INVALID_AMOUNT', `${field} is more than 2^256 - 1`)
    : null;
}

function refused(code: Refusal['code'], reason: string): Refusal {
  return { code, reason };
}
