import type { EncodedRows } from './accept.js';

/** Makes rows anew from the records in them, without making records first. */
export interface Reviser {
  /** The columns of the record, each with the plain type of ClickHouse that it is read as. */
  readonly columns: Readonly<Record<string, string>>;
  /** A page has no more rows than this. */
  readonly rowsMax: number;
  /** @param page rows of these columns in ClickHouse's Native format */
  revise(page: Buffer): RevisedPage;
}

export interface RevisedPage {
  readonly blocks: readonly EncodedRows[];
  readonly rowCount: number;
  /** The last of its rows; null when there is none. */
  readonly last: RowPlace | null;
}

/** Where a row of one model stands in the order of the table. */
export interface RowPlace {
  readonly occurredAt: number;
  readonly inferenceId: string;
  readonly partition: number;
  readonly offset: bigint;
}
