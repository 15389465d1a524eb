import type { ProofRecord } from '../../schemas/types.generated.js';
import { proofHistory, type Revision } from '../shared/core/histories.js';
import type { ProofVerdict } from '../shared/core/proof.js';
import type { Row } from '../shared/runtime/definition.js';
import type { Subject } from '../shared/runtime/subjects.js';

/** The row of one inference in `proof_rows`. Without a record that counts it says `none`, known since ever. */
export function toRow({ id, counting, weight }: Subject<ProofRecord>): Row {
  const history = proofHistory(counting).map(toColumns);
  const newest = history.pop() ?? { known_at: 0, ...NONE };
  return { inference_id: id, ...newest, earlier: history, facts: weight, version: weight } as Row;
}

const NONE = { state: 'none', path: null, verified_at: null, unverifiable_since: null };

function toColumns({ knownAtMs, value }: Revision<ProofVerdict>): Row & typeof NONE {
  return {
    known_at: knownAtMs,
    state: value.state,
    path: value.path,
    verified_at: value.verifiedAt,
    unverifiable_since: value.unverifiableSince,
  } as Row & typeof NONE;
}
