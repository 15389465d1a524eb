import type { Window } from '../../../services/shared/core/windows.js';
import type { WindowReport } from '../../../services/window/to-row.js';

/** A window of the pure core as the report that rows are made of. */
export function reportOf({ modelId, activation, flagged, inferences, proofs, agents, payments }: Window): WindowReport {
  const undoneByOffset = activation.undoneBy === null ? null : String(activation.undoneBy.position.offset);
  return {
    modelId,
    window: { ...activation, undoneByOffset, flagged },
    inferences,
    proofs: [...proofs].map(([kind, count]) => {
      const [first = '', second] = kind.split(' ');
      return second === undefined
        ? { path: '', state: first, inferences: count }
        : { path: first, state: second, inferences: count };
    }),
    agents,
    payments: {
      settledWhileActive: payments.settledWhileActive.length,
      settledForWork: payments.settledForWork.length,
      possible: payments.possible.length,
      amount: payments.amount,
    },
  };
}
