import type { Question, Json } from '../shared/core/question.js';
import type { Stream } from '../shared/core/record.js';

/** A question with the answer that the generator's own plan gives. In `answer` only the named fields count. */
export interface Expectation {
  readonly question: Question;
  readonly answer: Json;
}

/** What must be known of every single request. */
export interface RequestTruth {
  readonly status: 'attributed' | 'ambiguous' | 'unattributed';
  readonly release: string | null;
  readonly activation: number | null;
  readonly phase: string | null;
}

/** What stays unknown for ever, and has to be shown as such. */
export interface UnknownTruth {
  readonly ambiguous: number;
  readonly unattributed: number;
  /** Requests with a proof on its way that never came. */
  readonly pending: number;
  /** Payments that name a request nobody ever reported. */
  readonly waiting: number;
  /** Money of settled payments that no release can be named for. */
  readonly unattributedAmount: bigint;
}

/** All that the generator knows to be true of its traffic; never computed by the code that is checked with it. */
export interface Truth {
  readonly run: string;
  readonly models: readonly string[];
  /** The flagged releases, most traffic first. */
  readonly flagged: readonly { readonly model: string; readonly release: string }[];
  readonly expectations: readonly Expectation[];
  readonly requests: ReadonlyMap<string, RequestTruth>;
  readonly unknown: UnknownTruth;
  readonly sent: Readonly<Record<Stream, number>>;
  readonly refused: Readonly<Record<Stream, number>>;
  readonly duplicates: number;
  readonly contradictions: number;
}
