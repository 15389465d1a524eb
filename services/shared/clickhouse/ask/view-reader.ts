import { toFact, factColumns, type FactRow } from '../fact-rows.js';
import type { ClickHouse, Params } from '../client.js';
import type { Fact, RecordOf, Stream } from '../../core/record.js';

/** The views of the records that count, each event once. */
const RECORD_VIEWS: { readonly [S in Stream]: string } = {
  releases: 'release_records',
  inferences: 'inference_records',
  proofs: 'proof_records',
  payments: 'payment_records',
  agents: 'agent_records',
};

const SUM_BITS = 128n;

/** Reads views as known at one K. Statements name them with `AS_OF` behind, and everything else as a parameter. */
export class ViewReader {
  readonly knownAtMs: number;
  readonly #database: Pick<ClickHouse, 'select'>;

  constructor(database: Pick<ClickHouse, 'select'>, knownAtMs: number) {
    this.#database = database;
    this.knownAtMs = knownAtMs;
  }

  rows<T>(sql: string, params: Params = {}): Promise<T[]> {
    return this.#database.select<T>(sql, { ...params, known: dateTime(this.knownAtMs) });
  }

  async row<T>(sql: string, params: Params = {}): Promise<T | undefined> {
    return (await this.rows<T>(sql, params))[0];
  }

  /** The records that count and were appended by K. */
  async records<S extends Stream>(stream: S, condition: string, params: Params = {}): Promise<Fact<RecordOf[S]>[]> {
    const rows = await this.rows<FactRow>(
      `SELECT ${factColumns(stream)} FROM ${RECORD_VIEWS[stream]} WHERE ${KNOWN} AND (${condition})`,
      params,
    );
    return rows.map((row) => toFact(stream, row));
  }
}

/** The arguments of an as-of view. */
export const AS_OF = "_as_of(known_at = {known:DateTime64(3, 'UTC')})";
/** The condition on a record. */
export const KNOWN = "appended_at <= {known:DateTime64(3, 'UTC')}";

/** A column of microseconds, or of null; 64-bit numbers come as text. */
export function micros(column: string, name = column): string {
  return `toUnixTimestamp64Micro(${column}) AS ${name}`;
}

export function numberOrNull(text: string | null): number | null {
  return text === null ? null : Number(text);
}

/** Columns `name_high` and `name_low`, which `sumOf` puts together: a sum of UInt256 would wrap. */
export function sumColumns(name: string, amount: string, condition = '1'): string {
  return `sumIf(bitShiftRight(${amount}, ${SUM_BITS}), ${condition}) AS ${name}_high,
    sumIf(bitAnd(${amount}, bitShiftRight(bitNot(toUInt256(0)), ${SUM_BITS})), ${condition}) AS ${name}_low`;
}

export function sumOf(row: Readonly<Record<string, unknown>> | undefined, name: string): bigint {
  const part = (half: string): bigint => BigInt((row?.[`${name}_${half}`] as string | undefined) ?? 0);
  return (part('high') << SUM_BITS) + part('low');
}

function dateTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}
