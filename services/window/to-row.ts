import { createHash } from 'node:crypto';
import type { WindowAt } from '../shared/clickhouse/ask/state.js';
import type { AgentClasses } from '../shared/core/agents.js';
import type { Incident } from '../shared/core/incident.js';

const UINT256_MAX = 2n ** 256n - 1n;

/** A row of window_rows, window_agents or incident_rows without its known_at: what it says, and by which key. */
export interface Said {
  /** The columns that name what the row is about. */
  readonly key: Readonly<Record<string, string | number>>;
  readonly says: Readonly<Record<string, unknown>>;
}

/** Everything that belongs to one activation, counted (SPEC 7, Window). Event times are microseconds. */
export interface WindowReport {
  readonly modelId: string;
  readonly window: WindowAt;
  readonly inferences: { readonly active: number; readonly stale: number; readonly possible: number };
  /** Inferences attributed to it, by proof path (empty for none) and state. */
  readonly proofs: readonly { readonly path: string; readonly state: string; readonly inferences: number }[];
  readonly agents: AgentClasses;
  readonly payments: {
    readonly settledWhileActive: number;
    readonly settledForWork: number;
    readonly possible: number;
    readonly amount: { readonly work: bigint; readonly possible: bigint; readonly late: bigint };
  };
}

export function windowRow(report: WindowReport): Said {
  const { window, inferences, proofs, agents, payments } = report;
  const outcomes = (kind: string): number => agents.changed.filter(({ outcome }) => outcome.kind === kind).length;
  return {
    key: windowKey(report),
    says: {
      from: window.from,
      to: window.to,
      undone_by: window.undoneByOffset,
      restored: window.restored,
      flagged: window.flagged,
      inferences_active: inferences.active,
      inferences_stale: inferences.stale,
      inferences_possible: inferences.possible,
      proofs: [...proofs].sort((a, b) => (`${a.path} ${a.state}` < `${b.path} ${b.state}` ? -1 : 1)),
      agents_changed: agents.changed.length,
      agents_delayed: agents.delayed.length,
      agents_excluded: agents.excluded.length,
      agents_persisting: outcomes('persisting'),
      agents_reverted: outcomes('reverted'),
      agents_relapsed: outcomes('relapsed'),
      agents_unknown: outcomes('unknown'),
      agents_secondary: agents.secondary.length,
      settled_while_active: payments.settledWhileActive,
      settled_for_work: payments.settledForWork,
      settled_possible: payments.possible,
      amount_work: sumColumn(payments.amount.work),
      amount_possible: sumColumn(payments.amount.possible),
      amount_late: sumColumn(payments.amount.late),
    },
  };
}

/** ClickHouse would wrap a sum that UInt256 cannot hold; null says that it cannot. */
function sumColumn(sum: bigint): string | null {
  return sum > UINT256_MAX ? null : String(sum);
}

function windowKey({ modelId, window }: WindowReport): Said['key'] {
  return { model_id: modelId, release: window.release, activation: window.number };
}

const NOTHING = {
  outcome: null,
  change_id: null,
  changed_at: null,
  outcome_at: null,
  caused: false,
  reason: null,
  depth: null,
  via: [],
};

/** One row an agent and class: an agent may be excluded as not exposed and secondary at once. */
export function agentRows(report: WindowReport): Said[] {
  const row = (agentId: string, agentClass: keyof AgentClasses, says: Partial<typeof NOTHING> | object): Said => ({
    key: { ...windowKey(report), agent_id: agentId, class: agentClass },
    says: { ...NOTHING, ...says },
  });
  const { changed, delayed, excluded, secondary } = report.agents;
  return [
    ...changed.map(({ agentId, change, caused, outcome }) =>
      row(agentId, 'changed', {
        outcome: outcome.kind,
        change_id: change.change_id,
        changed_at: change.occurred_at,
        outcome_at: outcome.at,
        caused,
      }),
    ),
    ...delayed.map(({ agentId, change }) =>
      row(agentId, 'delayed', { change_id: change.change_id, changed_at: change.occurred_at }),
    ),
    ...excluded.map(({ agentId, reason }) => row(agentId, 'excluded', { reason })),
    ...secondary.map(({ agent, depth, via }) => row(agent, 'secondary', { depth, via })),
  ];
}

export function incidentRow(modelId: string, incident: Incident): Said {
  return {
    key: { model_id: modelId, release: incident.release },
    says: {
      state: incident.state,
      activations: incident.activations,
      contained_at: incident.containedAt,
      recovered_at: incident.recoveredAt,
      linked: incident.linked,
    },
  };
}

export function digestOf(says: unknown): string {
  return createHash('sha256').update(JSON.stringify(says)).digest('hex');
}
