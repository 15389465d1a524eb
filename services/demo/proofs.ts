import type { ProofPath, ProofRecord, ProofState } from '../../schemas/types.generated.js';
import type { Random } from './random.js';
import type { Request } from './request.js';

/** The answer to `proof` (SPEC 9), with times in microseconds. Every request is long over when it is asked. */
export interface Proven {
  readonly path: ProofPath | null;
  readonly state: 'verified' | 'failed' | 'pending' | 'none';
  readonly verifiedAt: number | null;
  readonly unverifiableSince: number | null;
}

export interface ProvenRequest {
  readonly records: readonly ProofRecord[];
  readonly expected: Proven;
}

export type ProofFate =
  'none' | 'verified' | 'verified at once' | 'late' | 'two paths' | 'pending' | 'failed' | 'retried' | 'revoked';

const FATES: Readonly<Record<ProofFate, number>> = {
  none: 40,
  verified: 22,
  'verified at once': 25,
  late: 3,
  'two paths': 2,
  pending: 4,
  failed: 2,
  retried: 1,
  revoked: 1,
};

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const UNPROVEN: Proven = { path: null, state: 'none', verifiedAt: null, unverifiableSince: null };

export class ProofMaker {
  #leaf = 0;
  #batchRoot: string;

  constructor(
    private readonly random: Random,
    /** Nothing is known to have happened after this. */
    private readonly endOfStory: number,
  ) {
    this.#batchRoot = random.hex(32);
  }

  prove(request: Request, fate = this.random.weighted(FATES) as ProofFate): ProvenRequest {
    const { random } = this;
    const servedAt = request.record.occurred_at;
    const submittedAt = servedAt + random.between(2, 20) * SECOND;
    const settledAt = submittedAt + random.between(40, 900) * SECOND;
    const lateAt = Math.min(submittedAt + random.between(60, 100) * MINUTE, this.endOfStory);
    const path: ProofPath = request.model.proxied ? 'TEE' : random.pick(['ZKML', 'VANILLA']);
    const first = this.#life(request, path);
    const verified = (at: number): Proven => ({ ...UNPROVEN, path, state: 'verified', verifiedAt: at });
    switch (fate) {
      case 'none':
        return { records: [], expected: UNPROVEN };
      case 'verified':
        return {
          records: [first('SUBMITTED', submittedAt), first('VERIFIED', settledAt)],
          expected: verified(settledAt),
        };
      case 'verified at once':
        return { records: [first('VERIFIED', settledAt)], expected: verified(settledAt) };
      case 'late':
        return { records: [first('SUBMITTED', submittedAt), first('VERIFIED', lateAt)], expected: verified(lateAt) };
      case 'two paths': {
        const other = this.#life(request, 'OTHER');
        const records = [
          first('VERIFIED', settledAt),
          other('SUBMITTED', submittedAt),
          other('VERIFIED', settledAt + MINUTE),
        ];
        return { records, expected: verified(settledAt) };
      }
      case 'pending':
        return { records: [first('SUBMITTED', submittedAt)], expected: { ...UNPROVEN, path, state: 'pending' } };
      case 'failed': {
        const records = [first('SUBMITTED', submittedAt), first('FAILED', settledAt)];
        return { records, expected: { ...UNPROVEN, path, state: 'failed' } };
      }
      case 'retried': {
        const again = this.#life(request, path);
        const records = [
          first('SUBMITTED', submittedAt),
          first('FAILED', settledAt),
          again('VERIFIED', settledAt + MINUTE),
        ];
        return { records, expected: verified(settledAt + MINUTE) };
      }
      case 'revoked': {
        const since = Math.max(lateAt, settledAt + MINUTE);
        const records = [first('VERIFIED', settledAt), first('UNVERIFIABLE', since)];
        return { records, expected: { ...verified(settledAt), unverifiableSince: since } };
      }
    }
  }

  /** The proof of a request that nobody ever reports. */
  orphan(at: number, path: ProofPath): { inference: string; record: ProofRecord } {
    const inference = this.random.hex(32);
    return { inference, record: this.#record({ inference, target: null, path }, this.#proofId())('VERIFIED', at) };
  }

  #life(request: Request, path: ProofPath): (state: ProofState, at: number) => ProofRecord {
    const { inference_id: inference, target_id: target } = request.record;
    return this.#record({ inference, target, path }, this.#proofId());
  }

  #proofId(): string {
    return `prf-${this.random.hex(12).slice(2)}`;
  }

  #record(
    about: { inference: string; target: string | null; path: ProofPath },
    proofId: string,
  ): (state: ProofState, at: number) => ProofRecord {
    return (state, at) => {
      const settled = state === 'VERIFIED' || state === 'FAILED';
      const leaf = settled && about.path === 'TEE' ? this.#nextLeaf() : null;
      return {
        event_id: `${proofId}-${state.toLowerCase()}`,
        occurred_at: at,
        source: settled ? 'settlement-chain' : 'proof-relay',
        source_ref: null,
        proof_id: proofId,
        inference_id: about.inference,
        path: about.path,
        state,
        verifier: settled ? 'facilitator' : null,
        target_id: about.target,
        digest: null,
        evidence_blob_id: settled && leaf === null ? this.random.blobId() : null,
        batch_root: leaf === null ? null : this.#batchRoot,
        leaf_index: leaf,
        tx_hash: settled ? this.random.hex(32) : null,
      };
    };
  }

  /** Batches of twenty, as the network settles them. */
  #nextLeaf(): number {
    const leaf = this.#leaf % 20;
    if (leaf === 0) this.#batchRoot = this.random.hex(32);
    this.#leaf += 1;
    return leaf;
  }
}
