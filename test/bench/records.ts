import { createHash } from 'node:crypto';

import type { InferenceRecord, ReleaseRecord } from '../../schemas/types.generated.js';
import { BLANK_RELEASE } from '../../services/demo/blank-release.js';

export const MODELS = 20;
const RELEASES_PER_MODEL = 8;
const TARGETS_PER_MODEL = 5;
const SPAN_MICROS = 60 * 60_000_000;

/** Records that are the same for the same number, as a network would send them: ids and hashes that never repeat. */
export interface Story {
  /** All event times lie in the hour from here on. */
  readonly startMicros: number;
}

export function inferenceOf(i: number, { startMicros }: Story): InferenceRecord {
  const model = i % MODELS;
  const hash = createHash('sha256').update(String(i)).digest('hex');
  const other = createHash('sha256').update(hash).digest('hex');
  return {
    event_id: uuid(other),
    occurred_at: startMicros + ((i * 7919) % SPAN_MICROS),
    source: `gateway-${model % 3}`,
    source_ref: null,
    inference_id: uuid(hash),
    model_id: `model-${model}`,
    requested_model: `model-${model}`,
    release: i % 3 === 0 ? null : `v${1 + (i % RELEASES_PER_MODEL)}`,
    blob_id: null,
    target_id: i % 4 === 0 ? null : targetOf(model, i % TARGETS_PER_MODEL),
    agent_id: `agent-${i % 997}`,
    session_id: `session-${Math.floor(i / 20)}`,
    request_hash: `0x${hash}`,
    output_hash: `0x${other}`,
    cost: String(1_000_000 + (i % 5000) * 1000),
    clock_error_ms: null,
  };
}

/** Traffic changes of every model all over the hour, some rolled back; releases that are published, and targets bound. */
export function releasesOf(count: number, { startMicros }: Story): ReleaseRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const model = i % MODELS;
    const step = Math.floor(i / MODELS);
    const steps = Math.max(Math.ceil(count / MODELS), 1);
    const release = `v${1 + (step % RELEASES_PER_MODEL)}`;
    const at = startMicros + Math.floor((step / steps) * SPAN_MICROS);
    const record = {
      ...BLANK_RELEASE,
      source: 'bench',
      event_id: `release-${i}`,
      occurred_at: at,
      model_id: `model-${model}`,
      release,
    };
    if (step < RELEASES_PER_MODEL) return { ...record, action: 'PUBLISHED', blob_ids: [`blob-${model}-${step}`] };
    if (step % 5 === 1) {
      const target = targetOf(model, step % TARGETS_PER_MODEL);
      return { ...record, action: 'TARGET_BOUND', target_id: target };
    }
    if (step % 7 === 3) return { ...record, action: 'ROLLED_BACK', to: `v${1 + ((step + 1) % RELEASES_PER_MODEL)}` };
    return { ...record, release: null, action: 'TRAFFIC_SET', traffic: { [release]: 10_000 } };
  });
}

function targetOf(model: number, target: number): string {
  return `0x${createHash('sha256').update(`target ${model} ${target}`).digest('hex')}`;
}

function uuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
