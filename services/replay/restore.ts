import type { ClickHouse } from '../shared/clickhouse/client.js';
import { FACT_TABLES } from '../shared/clickhouse/fact-rows.js';
import { membersOf, quoted, rowHash, scopeParams } from './content.js';
import { STREAMS, type Scope } from './manifest.js';

interface Restored {
  readonly table: string;
  readonly where: string;
  /** Columns that may differ between two rows that say the same. */
  readonly without?: readonly string[];
  /** Columns whose value is from the moment of writing. */
  readonly fresh?: readonly string[];
}

const MODEL = 'model_id = {model:String}';

/**
 * Writes the rows of a run that the live tables do not have. Only ever adds rows: where the live tables know more, their
 * row has the greater version and holds; so it is safe beside services, and doing it twice adds nothing.
 * @returns rows written, by table
 */
export async function restore(
  clickhouse: Pick<ClickHouse, 'select' | 'command'>,
  scope: Scope,
  { run, live }: { readonly run: string; readonly live: string },
): Promise<Record<string, number>> {
  const written: Record<string, number> = {};
  const params = scopeParams(scope);
  for (const { table, where, without = [], fresh = [] } of tablesOf(scope, run)) {
    const rows = await clickhouse.select<{ name: string }>(
      `SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String}
       AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') ORDER BY position`,
      { database: live, table },
    );
    const columns = rows.map(({ name }) => name).filter((name) => !fresh.includes(name));
    const says = rowHash(columns.filter((name) => !without.includes(name)));
    const missing = `FROM ${quoted(run)}.${table} FINAL WHERE ${where}
      AND ${says} NOT IN (SELECT ${says} FROM ${quoted(live)}.${table} FINAL)`;
    const [found] = await clickhouse.select<{ n: string }>(`SELECT count() AS n ${missing}`, params);
    written[table] = Number(found?.n ?? 0);
    if (written[table] === 0) continue;
    const names = columns.map(quoted).join(', ');
    await clickhouse.command(`INSERT INTO ${quoted(live)}.${table} (${names}) SELECT ${names} ${missing}`, params);
  }
  return written;
}

/** What is rebuilt before what is made of it: whoever reads meanwhile finds records before what they say. */
function tablesOf(scope: Scope, run: string): readonly Restored[] {
  const { inferences, payments, agents, releases, alerts } = membersOf(scope, [run]);
  const records = {
    releases: MODEL,
    inferences: inferences('inference_id'),
    proofs: inferences('inference_id'),
    payments: payments('payment_id'),
    agents,
  };
  const copies = STREAMS.map((stream) => {
    const places = `SELECT partition, offset FROM ${quoted(run)}.${FACT_TABLES[stream]} WHERE ${records[stream]}`;
    return `(stream = '${stream}' AND (partition, offset) IN (${places}))`;
  });
  return [
    { table: 'release_facts', where: records.releases },
    { table: 'model_state_rows', where: MODEL, without: ['release_offset'] },
    { table: 'copy_rows', where: `(${copies.join(' OR ')})`, without: ['copies'] },
    { table: 'inference_rows', where: records.inferences, without: ['release_offset'] },
    { table: 'proof_facts', where: records.proofs },
    { table: 'payment_facts', where: records.payments },
    { table: 'payment_refs', where: records.payments },
    { table: 'agent_facts', where: records.agents },
    { table: 'payment_rows', where: records.payments, without: ['version'] },
    ...(releases === null ? [] : ['window_rows', 'window_agents', 'incident_rows']).map((table) => {
      return { table, where: releases ?? '', without: ['known_at', 'version'] };
    }),
    { table: 'alert_rows', where: alerts, without: ['version'], fresh: ['written_at'] },
  ];
}
