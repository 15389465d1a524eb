import type { Difference } from './compare.js';

/** Answers of SPEC 9, as far as the report reads them. */
export interface WindowAnswer {
  readonly release: string;
  readonly activation: number;
  readonly from: string;
  readonly to: string | null;
  readonly undone_by_rollback: boolean;
  readonly restored: string | null;
  readonly flagged: boolean;
}

export interface IncidentAnswer {
  readonly model: string;
  readonly release: string;
  readonly state: string;
  readonly activations: readonly number[];
  readonly contained_at: string | null;
  readonly recovered_at: string | null;
}

export interface ServedAnswer {
  readonly inference: string;
  readonly status: string;
  readonly release: string | null;
  readonly activation: number | null;
  readonly phase: string | null;
  readonly basis: string | null;
  readonly findings: readonly string[];
}

export interface AgentsAnswer {
  readonly changed: readonly string[];
  readonly delayed: readonly string[];
  readonly persisting: readonly string[];
  readonly reverted: readonly { readonly agent: string; readonly at: string }[];
  readonly relapsed: readonly { readonly agent: string; readonly at: string }[];
  readonly unknown: readonly string[];
  readonly excluded: readonly { readonly agent: string; readonly reason: string }[];
  readonly secondary: readonly { readonly agent: string; readonly depth: number; readonly via: readonly string[] }[];
}

export interface PaymentsAnswer {
  readonly settled_while_active: readonly string[];
  readonly settled_for_work: readonly string[];
  readonly possible: readonly string[];
  readonly late: readonly string[];
  readonly amount: { readonly work: string; readonly possible: string; readonly late: string };
}

export interface TaintAnswer {
  readonly flagged: boolean;
  readonly certain: readonly string[];
  readonly possible: readonly string[];
  readonly amount: { readonly tainted: string; readonly possible: string };
}

export interface AlertAnswer {
  readonly kind: string;
  readonly release: string;
  readonly subject: string;
  readonly raised_at: string;
  readonly state: string;
  readonly retroactive: boolean;
  readonly late: boolean;
}

/** All about one flagged release. */
export interface IncidentReport {
  readonly incident: IncidentAnswer;
  /** Question 1: how many requests the release served, by activation and phase. */
  readonly served: readonly { readonly activation: number | null; readonly phase: string; readonly requests: number }[];
  /** Question 2: the blobs that produced their outputs; null for requests that carry none. */
  readonly blobs: readonly { readonly blob_id: string | null; readonly requests: number }[];
  /** Question 3: by which path they were verified, or not. */
  readonly proofs: readonly { readonly state: string; readonly path: string | null; readonly requests: number }[];
  /** One request of it, looked at closely. */
  readonly example: ServedAnswer | null;
  /** Question 4, for each activation that a flag covers. */
  readonly agents: readonly ({ readonly activation: number } & AgentsAnswer)[];
  /** Question 5, for all activations. */
  readonly payments: PaymentsAnswer;
  readonly taint: TaintAnswer;
  readonly alerts: readonly AlertAnswer[];
}

export interface ModelReport {
  readonly model: string;
  readonly windows: readonly WindowAnswer[];
  readonly incidents: readonly IncidentReport[];
}

export interface UnknownReport {
  readonly ambiguous: number;
  readonly unattributed: number;
  readonly pending: number;
  readonly waiting: number;
  readonly unattributed_amount: string;
  readonly dead_letters: readonly { readonly topic: string; readonly code: string; readonly records: number }[];
}

export interface Stage {
  readonly stage: string;
  readonly ms: number;
  /** Per second, where the stage is about records. */
  readonly events_per_s: number | null;
}

export interface Report {
  /** Up to when records are known. */
  readonly known_at: string;
  readonly sent: Readonly<Record<string, number>>;
  readonly asset: string | null;
  readonly models: readonly ModelReport[];
  readonly unknown: UnknownReport;
  readonly stages: readonly Stage[];
  /** Null where nothing is known but the records. */
  readonly checks: {
    readonly answers: number;
    readonly requests: number;
    readonly differences: readonly Difference[];
  } | null;
}
