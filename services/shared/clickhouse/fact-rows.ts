import { schemaOf } from '../kafka/schema-file.js';
import type { Fact, RecordOf, Stream } from '../core/record.js';

/** The table of each stream. That of inferences also says which release served them, and calls the reported one `claim`. */
export const FACT_TABLES: { readonly [S in Stream]: string } = {
  releases: 'release_facts',
  inferences: 'inference_rows',
  proofs: 'proof_facts',
  payments: 'payment_facts',
  agents: 'agent_facts',
};

const TIMES = ['occurred_at', 'effective_at', 'from', 'until'];
/** Where null and empty mean different things; ClickHouse has no null for maps and arrays. */
const MAY_BE_NULL = ['traffic', 'targets'];
/** Integers that JSON carries as text because they have 64 bits. */
const LONGS = ['leaf_index', 'clock_error_ms'];

/**
 * A fact as a row of its table; times are numbers of microseconds and milliseconds, as JSONEachRow takes them. Not of
 * inferences: their rows say more.
 */
export function toFactRow<S extends Stream>(fact: Fact<RecordOf[S]>): object {
  const { partition, offset, appendedAtMs } = fact.position;
  const row: Record<string, unknown> = {
    partition,
    offset: offset.toString(),
    appended_at: appendedAtMs,
    key: fact.key,
    ...fact.record,
  };
  for (const name of MAY_BE_NULL) {
    if (!(name in row)) continue;
    row[`${name}_given`] = row[name] !== null;
    row[name] ??= name === 'traffic' ? {} : [];
  }
  return row;
}

/**
 * The SELECT list that `toFact` reads, from the table or the view `*_records` of a stream. Names stay those of the columns
 * (see prefer_column_name_to_alias in client.ts).
 */
export function factColumns(stream: Stream, from: 'table' | 'view' = 'view'): string {
  const fields = schemaOf(stream).fields.map(({ name }) => name);
  const claimed = stream === 'inferences' && from === 'table';
  const column = (name: string): string => (claimed && name === 'release' ? 'claim AS release' : `\`${name}\``);
  return [
    'partition',
    'offset',
    'toUnixTimestamp64Milli(appended_at) AS appended_at',
    'key',
    ...fields.map((name) =>
      TIMES.includes(name) ? `toUnixTimestamp64Micro(\`${name}\`) AS \`${name}\`` : column(name),
    ),
    ...fields.filter((name) => MAY_BE_NULL.includes(name)).map((name) => `${name}_given`),
  ].join(', ');
}

export type FactRow = Record<string, unknown>;

/** The fact that a row selected by `factColumns` was written from. */
export function toFact<S extends Stream>(_stream: S, row: FactRow): Fact<RecordOf[S]> {
  const { partition, offset, appended_at: appendedAt, key, ...record } = row;
  for (const name of [...TIMES, ...LONGS]) {
    if (typeof record[name] === 'string') record[name] = Number(record[name]);
  }
  for (const name of MAY_BE_NULL) {
    if (record[`${name}_given`] === false) record[name] = null;
    Reflect.deleteProperty(record, `${name}_given`);
  }
  return {
    record: record as unknown as RecordOf[S],
    key: key as string,
    position: {
      partition: partition as number,
      offset: BigInt(offset as string),
      appendedAtMs: Number(appendedAt),
    },
  };
}
