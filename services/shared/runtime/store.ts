import type { Sweep } from '../core/histories.js';
import type { EncodedRows } from './accept.js';
import type { Fact, RecordOf, ReleaseFact, Stream } from '../core/record.js';
import type { PaymentReads } from './payment-reads.js';
import type { Reviser, RowPlace } from './reviser.js';
import type { LeftAt } from './settled.js';

/** Some records of a stream: those that were just written, which need not be read again; or those about some subjects. */
export type Scope =
  | {
      readonly kind: 'written';
      /** At least one; of each partition all that is between the first and the last of them. */
      readonly written: readonly Fact<RecordOf[Stream]>[];
    }
  | { readonly kind: 'ids'; readonly ids: readonly string[] };

/** Which rows of inferences a sweep looks at. */
export interface SweepRange {
  readonly partitions: readonly number[];
  /** Rows that hold all that the releases topic says below this offset are left alone. */
  readonly releasesBelow: bigint;
  /** The last row of the page before, in the order of the table; null for the first page. */
  readonly after: RowPlace | null;
  readonly limit: number;
}

/** What a service needs of the database. Writes are durable when they resolve, and reads see every write before them. */
export interface Store {
  insert(table: string, rows: readonly object[]): Promise<void>;
  /** Rows as `insert` takes them, made into bytes at once. */
  encode(rows: readonly object[]): EncodedRows;
  insertEncoded(table: string, blocks: readonly EncodedRows[]): Promise<void>;
  /**
   * Every copy of every record of the subjects that the scope names, and every copy of their events, wherever it is:
   * enough to say which copies count.
   */
  facts<S extends Stream>(stream: S, scope: Scope): Promise<Fact<RecordOf[S]>[]>;
  /**
   * The next rows of inferences, in the order of the table, that a release record may change: these columns of them, in
   * ClickHouse's Native format.
   */
  sweepPage(sweep: Sweep, range: SweepRange, columns: Reviser['columns']): Promise<Buffer>;
  /** Offsets of the first partition of a topic that were given up because their schema stayed unknown. */
  givenUpOffsets(topic: string): Promise<ReadonlySet<string>>;
  /**
   * What is held of the releases topic in [from, to), in its order, for what the log has lost. Null while something below `to`
   * is not accounted for: neither a fact nor a dead letter nor a declared gap.
   */
  heldReleases(topic: string, span: { readonly from: bigint; readonly to: bigint }): Promise<ReleaseFact[] | null>;
  /** Where the last owners of the partitions of a topic left them. */
  leftAt(service: string, topic: string): Promise<ReadonlyMap<number, LeftAt>>;
  readonly payments: PaymentReads;
}
