import type { Random } from '../../services/demo/random.js';
import type { Stream } from '../../services/shared/core/record.js';
import { maybe, some, type Fields, type Teller } from './told.js';

const AMOUNTS = ['0', '1', '2', '3', '7', '10', '100', '1000000000000000000', '007'];
const HUGE = String(2n ** 256n - 1n);
const ERRORS_MS = [0, 1, 60_000, 600_000, 3_600_000, -600_000];

/** The fields of one record of a topic that is not releases. */
export const OTHER_FIELDS: Readonly<Record<Exclude<Stream, 'releases'>, (teller: Teller) => Fields>> = {
  inferences: ({ random, cast }) => ({
    inference_id: random.pick(cast.inferences),
    model_id: random.chance(0.85) ? cast.models[0] : random.pick(cast.models),
    requested_model: maybe(random, 0.1, ['alias']),
    release: maybe(random, 0.35, [...cast.releases, 'never published']),
    blob_id: maybe(random, 0.4, [...cast.blobs, 'b9']),
    target_id: maybe(random, 0.35, cast.targets),
    agent_id: maybe(random, 0.6, cast.agents),
    session_id: maybe(random, 0.5, cast.sessions),
    request_hash: maybe(random, 0.1, ['0x01']),
    cost: maybe(random, 0.6, [...AMOUNTS, random.chance(0.05) ? HUGE : '5']),
    clock_error_ms: maybe(random, 0.3, ERRORS_MS),
  }),
  proofs: ({ random, cast }) => ({
    proof_id: random.pick(cast.proofs),
    inference_id: random.pick([...cast.inferences, 'ghost']),
    path: random.pick(['TEE', 'ZKML', 'VANILLA', 'OTHER']),
    state: random.pick(['SUBMITTED', 'SUBMITTED', 'VERIFIED', 'VERIFIED', 'FAILED', 'UNVERIFIABLE']),
    target_id: maybe(random, 0.2, cast.targets),
    leaf_index: maybe(random, 0.1, [0, 7]),
  }),
  payments: ({ random, cast }) => ({
    payment_id: random.pick(cast.payments),
    state: random.weighted({ SETTLED: 10, AUTHORISED: 2, FAILED: 1, REFUNDED: 2, REVERSED: 2 }),
    amount: random.chance(0.03) ? HUGE : random.pick(AMOUNTS),
    session_id: maybe(random, 0.5, cast.sessions),
    model_id: maybe(random, 0.3, [...cast.models, 'other']),
    tx_hash: maybe(random, 0.2, ['0xaa']),
    allocations: random.chance(0.5) ? [] : allocations(random, cast.inferences),
  }),
  agents: ({ random, cast }) => ({
    agent_id: random.pick(cast.agents),
    change_id: random.pick(cast.changes),
    action: random.weighted({ CHANGED: 5, REVERTED: 3, ACKNOWLEDGED: 1 }),
    kind: random.pick(['PROMPT', 'PROMPT', 'POLICY', 'MODEL_PIN']),
    model_id: maybe(random, 0.3, [...cast.models, 'other']),
    before_digest: maybe(random, 0.6, cast.digests),
    after_digest: maybe(random, 0.6, cast.digests),
    caused_by: random.chance(0.5) ? [] : some(random, 0.3, [...cast.inferences, 'ghost']),
    upstream_agent_ids: random.chance(0.5) ? [] : some(random, 0.3, cast.agents),
    reverts_change_id: maybe(random, 0.3, cast.changes),
  }),
};

/** Some inferences, one of them twice at times, with amounts, without, or mixed; now and then one that never comes. */
function allocations(random: Random, inferences: readonly string[]): Fields[] {
  const style = random.weighted({ given: 2, open: 2, mixed: 2 });
  const count = random.between(1, 5);
  return Array.from({ length: count }, () => ({
    inference_id: random.chance(0.1) ? 'ghost' : random.pick(inferences),
    ...(style === 'given' || (style === 'mixed' && random.chance(0.5))
      ? { amount: random.chance(0.02) ? HUGE : random.pick(AMOUNTS) }
      : {}),
  }));
}
