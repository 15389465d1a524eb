import type { Sweep } from '../core/histories.js';
import type { Fact, RecordOf, Stream } from '../core/record.js';

/** Names some records of a stream without listing them: what was just written is found by where it lies in the log. */
export type Scope =
  | {
      readonly kind: 'offsets';
      readonly topic: string;
      readonly partition: number;
      readonly from: bigint;
      readonly to: bigint;
      /** The facts at these offsets, as they were just written: they need not be read again. */
      readonly written: readonly Fact<RecordOf[Stream]>[];
    }
  | { readonly kind: 'ids'; readonly ids: readonly string[] }
  /** Of inferences: those that the payments of a scope name, by id or session. */
  | { readonly kind: 'paid-by'; readonly payments: Scope }
  /** Of inferences: those of some partitions that a release record may change, from one id (exclusive) to another. */
  | {
      readonly kind: 'sweep';
      readonly sweep: Sweep;
      readonly partitions: readonly number[];
      readonly after: string | null;
      readonly last: string;
    };

/** What joining needs of the database. Writes are durable when they resolve, and reads see every write before them. */
export interface Store {
  insert(table: string, rows: readonly object[]): Promise<void>;
  /**
   * Every copy of every record of the subjects that the scope names, and every copy of their events, wherever it is:
   * enough to say which copies count.
   */
  facts<S extends Stream>(stream: S, scope: Scope): Promise<Fact<RecordOf[S]>[]>;
  /** The payments that refer to inferences of the scope, by any copy of them. */
  paymentsReferringTo(inferences: Scope): Promise<string[]>;
  /** The next ids that a sweep has to look at: how many, and the last. */
  sweepPage(
    sweep: Sweep,
    from: { partitions: readonly number[]; after: string | null; limit: number },
  ): Promise<{ count: number; last: string }>;
  /** Offsets of the first partition of a topic that were given up because their schema stayed unknown. */
  givenUpOffsets(topic: string): Promise<ReadonlySet<string>>;
  /** Greatest append time applied so far, per partition of a topic. */
  appliedUntil(service: string, topic: string): Promise<ReadonlyMap<number, number>>;
}
