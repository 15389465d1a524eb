import type { ClickHouse } from '../shared/clickhouse/client.js';
import { digestOf, type Said } from './to-row.js';

/** A table of revisions: rows are appended when they say something new, never changed. */
export interface RevisionTable {
  readonly table: string;
  /** Columns that name what a row is about, model_id first. */
  readonly keys: readonly string[];
}

export const WINDOWS: RevisionTable = { table: 'window_rows', keys: ['model_id', 'release', 'activation'] };
export const AGENTS: RevisionTable = {
  table: 'window_agents',
  keys: ['model_id', 'release', 'activation', 'agent_id', 'class'],
};
export const INCIDENTS: RevisionTable = { table: 'incident_rows', keys: ['model_id', 'release'] };

type Latest = Record<string, unknown> & { readonly digest: string; readonly void: boolean };

/**
 * Appends a revision of every row of a model that says something else than its latest one, and a void one for every
 * row that is no longer true at all. Returns how many were written; writing the same again writes nothing.
 */
export async function revise(
  database: Pick<ClickHouse, 'select' | 'insert'>,
  { table, keys }: RevisionTable,
  knowledge: { modelId: string; knownAtMs: number; version: string; said: readonly Said[] },
): Promise<number> {
  const { modelId, knownAtMs, version, said } = knowledge;
  const latest = await database.select<Latest>(
    `SELECT * EXCEPT version FROM ${table} FINAL WHERE model_id = {model:String}
     ORDER BY known_at DESC LIMIT 1 BY ${keys.join(', ')}`,
    { model: modelId },
  );
  const before = new Map(latest.map((row) => [keyOf(row, keys), row]));
  const rows: object[] = [];
  for (const { key, says } of said) {
    const digest = digestOf(says);
    const name = keyOf(key, keys);
    const last = before.get(name);
    before.delete(name);
    if (last === undefined || last.void || last.digest !== digest) {
      rows.push({ ...key, ...says, known_at: knownAtMs, void: false, digest, version });
    }
  }
  for (const gone of before.values()) {
    if (gone.void) continue;
    rows.push({ ...gone, known_at: knownAtMs, void: true, version });
  }
  await database.insert(table, rows);
  return rows.length;
}

function keyOf(row: Readonly<Record<string, unknown>>, keys: readonly string[]): string {
  return JSON.stringify(keys.map((key) => row[key]));
}
