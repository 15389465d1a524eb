import type { Fact, RecordOf, Stream } from '../../core/record.js';
import type { ClickHouse, Params } from '../client.js';
import { factColumns, toFact, type FactRow } from '../fact-rows.js';
import { Batch } from './batch.js';

/** The views of the records that count, each event once. */
const RECORD_VIEWS: { readonly [S in Stream]: string } = {
  releases: 'release_records',
  inferences: 'inference_records',
  proofs: 'proof_records',
  payments: 'payment_records',
  agents: 'agent_records',
};

type Database = Pick<ClickHouse, 'select'>;

/** Reads views. What was read once is kept: a reader is for questions about one moment of the tables. */
export class ViewReader {
  readonly #database: Database;
  readonly #read = new Map<string, Promise<unknown[]>>();
  readonly #batches = new Map<string, Batch<unknown, unknown>>();
  readonly #asked = new Map<string, Promise<unknown>>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** A reader of the same tables that keeps only what it reads itself. */
  apart(): ViewReader {
    return new ViewReader(this.#database);
  }

  async rows<T>(sql: string, params: Params = {}): Promise<readonly T[]> {
    const key = JSON.stringify([sql, params]);
    let rows = this.#read.get(key);
    if (rows === undefined) {
      rows = this.#database.select<T>(sql, params);
      this.#read.set(key, rows);
    }
    return (await rows) as readonly T[];
  }

  async row<T>(sql: string, params: Params = {}): Promise<T | undefined> {
    return (await this.rows<T>(sql, params))[0];
  }

  /**
   * What is asked for together is read together, and once.
   * @param kind names the statement: of one kind, only the first `answer` is used
   */
  batched<Item, Result>(
    kind: string,
    item: Item,
    answer: (items: readonly Item[]) => Promise<readonly Result[]>,
  ): Promise<Result> {
    const key = JSON.stringify([kind, item]);
    let asked = this.#asked.get(key) as Promise<Result> | undefined;
    if (asked === undefined) {
      let batch = this.#batches.get(kind) as Batch<Item, Result> | undefined;
      batch ??= new Batch(answer);
      this.#batches.set(kind, batch as Batch<unknown, unknown>);
      asked = batch.ask(item);
      this.#asked.set(key, asked);
    }
    return asked;
  }

  /** Records that count, whenever they were appended: the core leaves out what K does not know. */
  async records<S extends Stream>(stream: S, condition: string, params: Params = {}): Promise<Fact<RecordOf[S]>[]> {
    const rows = await this.rows<FactRow>(
      `SELECT ${factColumns(stream)} FROM ${RECORD_VIEWS[stream]} WHERE ${condition}`,
      params,
    );
    return rows.map((row) => toFact(stream, row));
  }
}

/** The arguments of an as-of view; `known` is a parameter as `dateTime` gives it. */
export const AS_OF = "_as_of(known_at = {known:DateTime64(3, 'UTC')})";

/**
 * Of statements about the payments of a model: merging the many expressions of their views takes longer than all that they
 * compute. Not for look-ups by id: where expressions are not merged, skip indexes are not found.
 */
export const UNMERGED = 'SETTINGS query_plan_merge_expressions = 0';

export function dateTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}

/** A column of microseconds, or of null; 64-bit numbers come as text. */
export function micros(column: string, name = column): string {
  return `toUnixTimestamp64Micro(${column}) AS ${name}`;
}

export function millis(column: string, name = column): string {
  return `toUnixTimestamp64Milli(${column}) AS ${name}`;
}

export function numberOrNull(text: string | null): number | null {
  return text === null ? null : Number(text);
}

const HALF_BITS = 128n;

/** Columns `name_high` and `name_low`, which `sumOf` puts together: a sum of UInt256 would wrap. */
export function sumColumns(name: string, amount: string, condition = '1'): string {
  return `sumIf(bitShiftRight(${amount}, ${HALF_BITS}), ${condition}) AS ${name}_high,
    sumIf(bitAnd(${amount}, bitShiftRight(bitNot(toUInt256(0)), ${HALF_BITS})), ${condition}) AS ${name}_low`;
}

export function sumOf(row: Readonly<Record<string, unknown>> | undefined, name: string): bigint {
  const half = (part: string): bigint => BigInt((row?.[`${name}_${part}`] as string | undefined) ?? 0);
  return (half('high') << HALF_BITS) + half('low');
}
