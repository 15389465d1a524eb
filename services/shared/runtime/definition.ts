import type { ReleaseLog } from '../core/release-log.js';
import type { Fact, RecordOf, Stream } from '../core/record.js';
import type { Transcoder } from './accept.js';
import type { Reviser } from './reviser.js';
import type { Scope, Store } from './store.js';

/** Release records as far as this instance knows them. */
export interface ReleaseKnowledge {
  readonly log: ReleaseLog;
  /** Every release record below this offset is in the log. */
  readonly nextOffset: bigint;
}

/** A joined row; `known_at` is the time of its newest value, in milliseconds. */
export interface Row {
  readonly known_at: number;
}

export interface Joining {
  readonly store: Store;
}

/** A service is a definition, not a program: what it reads, and what each record becomes. */
export interface Definition<S extends Stream = Stream> {
  /** Also the consumer group, `backtrail.<service>`. */
  readonly service: string;
  readonly stream: S;
  /**
   * The row of a record that also holds what the release log says of it. It takes the place of the bare fact, is written
   * without any look-up, and again when the release log grows: all of that is read before anything else.
   */
  readonly attributed?: {
    readonly table: string;
    row(fact: Fact<RecordOf[S]>, releases: ReleaseKnowledge): Row;
    /** The same rows, made of bytes. */
    transcoder(releases: ReleaseKnowledge): Transcoder;
    /** The same rows, made anew of what is in the table. */
    reviser(releases: ReleaseKnowledge): Reviser;
  };
  /** What the records refer to; written before anything is looked for, so that one of two sides sees the other. */
  readonly references?: { readonly table: string; rows(facts: readonly Fact<RecordOf[S]>[]): readonly object[] };
  /** Rows depend on inferences, too, whenever these come: it follows what is settled of them. */
  readonly followsInferences?: boolean;
  /** Joined rows, and how the subjects of a scope become rows. Null for a stream whose own rows say all there is. */
  readonly joined: { readonly table: string; rows(scope: Scope, joining: Joining): Promise<readonly Row[]> } | null;
}
