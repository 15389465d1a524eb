import type { ClickHouse } from '../shared/clickhouse/client.js';
import { listed } from '../shared/clickhouse/conditions.js';
import type { AlertKind, AlertState } from '../shared/core/alert-ledger.js';
import { groupBy } from '../shared/core/group.js';
import type { Decided, Outcome } from './needed.js';
import { readAlerts, type AlertRow } from './rows.js';

type Database = Pick<ClickHouse, 'select'>;

/** Where the row of an alert is. */
export interface AlertKey {
  readonly alertId: string;
  readonly modelId: string;
  readonly kind: AlertKind;
  readonly release: string;
  readonly subject: string;
}

export interface Touched extends AlertKey {
  /** By the clock of ClickHouse. */
  readonly writtenAtMs: number;
}

export interface Page {
  /** When it was read, by the clock of ClickHouse. */
  readonly atMs: number;
  readonly rows: readonly Touched[];
}

export const PAGE_ROWS = 5_000;
/** Keys of one statement. */
const KEYS_MAX = 2_000;

/** Rows of alerts in the order they were written, from a place on; the next page follows after the last row of this one. */
export async function touchedSince(
  database: Database,
  after: { readonly writtenAtMs: number; readonly alertId: string },
): Promise<Page> {
  const [page] = await database.select<{ at: string; rows: [string, string, AlertKind, string, string, string][] }>(
    `SELECT toUnixTimestamp64Milli(now64(3, 'UTC')) AS at,
       groupArray((alert_id, model_id, kind, release, subject, toUnixTimestamp64Milli(written_at))) AS rows
     FROM (
       SELECT alert_id, model_id, kind, release, subject, written_at FROM alert_rows
       WHERE written_at >= fromUnixTimestamp64Milli({ms:Int64}, 'UTC')
         AND (written_at, alert_id) > (fromUnixTimestamp64Milli({ms:Int64}, 'UTC'), {id:String})
       ORDER BY written_at, alert_id LIMIT ${PAGE_ROWS}
     )`,
    { ms: after.writtenAtMs, id: after.alertId },
  );
  const rows = (page?.rows ?? []).map(([alertId, modelId, kind, release, subject, ms]) => ({
    alertId,
    modelId,
    kind,
    release,
    subject,
    writtenAtMs: Number(ms),
  }));
  return { atMs: Number(page?.at ?? 0), rows };
}

/** An alert as it is now, and what became of its states at a receiver. */
export interface Candidate {
  readonly alert: AlertRow;
  readonly decided: readonly Decided[];
}

export async function candidates(
  database: Database,
  receiver: string,
  keys: readonly AlertKey[],
): Promise<Candidate[]> {
  const found: Candidate[] = [];
  const places = groupBy(keys, ({ modelId, kind, release }) => JSON.stringify([modelId, kind, release]));
  for (const ofPlace of places.values()) {
    for (let i = 0; i < ofPlace.length; i += KEYS_MAX) {
      found.push(...(await candidatesAt(database, receiver, ofPlace.slice(i, i + KEYS_MAX))));
    }
  }
  return found;
}

async function candidatesAt(database: Database, receiver: string, keys: readonly AlertKey[]): Promise<Candidate[]> {
  const [first] = keys;
  if (first === undefined) return [];
  const { modelId, kind, release } = first;
  const place = { model: modelId, kind, release };
  const subjects = listed('subjects', [...new Set(keys.map(({ subject }) => subject))]);
  const alerts = await readAlerts(
    database,
    `model_id = {model:String} AND kind = {kind:String} AND release = {release:String} AND subject IN ${subjects.sql}`,
    { ...place, ...subjects.params },
  );
  const ids = listed(
    'ids',
    alerts.map(({ alertId }) => alertId),
  );
  const rows = await database.select<{
    alert_id: string;
    state: AlertState['state'];
    changed_ms: string;
    outcome: Outcome;
    decided_ms: string;
  }>(
    `SELECT alert_id, state, toUnixTimestamp64Milli(changed_at) AS changed_ms, outcome,
       toUnixTimestamp64Milli(decided_at) AS decided_ms
     FROM alert_delivery_rows FINAL
     WHERE receiver = {receiver:String} AND model_id = {model:String} AND release = {release:String} AND alert_id IN ${ids.sql}`,
    { ...place, receiver, ...ids.params },
  );
  const decided = groupBy(rows, ({ alert_id: id }) => id);
  return alerts.map((alert) => ({
    alert,
    decided: (decided.get(alert.alertId) ?? []).map((row) => ({
      state: row.state,
      atMs: Number(row.changed_ms),
      outcome: row.outcome,
      decidedAtMs: Number(row.decided_ms),
    })),
  }));
}

/** What a silence held back from a receiver, in the order of the ids: a page of what comes after an id. */
export async function heldBackBy(
  database: Database,
  receiver: string,
  { silence, after }: { readonly silence: string; readonly after: string },
): Promise<AlertKey[]> {
  return database.select<AlertKey>(
    `SELECT DISTINCT alert_id AS alertId, model_id AS modelId, kind, release, subject FROM alert_delivery_rows
     WHERE receiver = {receiver:String} AND outcome = 'silenced' AND reason = {silence:String} AND alert_id > {after:String}
     ORDER BY alert_id LIMIT ${PAGE_ROWS}`,
    { receiver, silence, after },
  );
}

/** Firing alerts of an incident counted by what receivers are chosen by. */
export async function firingCounts(
  database: Database,
  { modelId, release }: { readonly modelId: string; readonly release: string },
): Promise<{ kind: AlertKind; severity: string | null; count: number }[]> {
  const rows = await database.select<{ kind: AlertKind; severity: string | null; n: string }>(
    `SELECT kind, severity, count() AS n FROM alerts
     WHERE model_id = {model:String} AND release = {release:String} AND state = 'firing' GROUP BY kind, severity`,
    { model: modelId, release },
  );
  return rows.map(({ kind, severity, n }) => ({ kind, severity, count: Number(n) }));
}

/** Firing alerts of an incident that nobody has taken on, the oldest first. */
export async function firingAlerts(
  database: Database,
  { modelId, release }: { readonly modelId: string; readonly release: string },
  limit: number,
): Promise<AlertRow[]> {
  return readAlerts(
    database,
    `model_id = {model:String} AND release = {release:String} AND NOT void AND states[-1].state = 'firing'
       AND alert_id NOT IN (SELECT alert_id FROM alert_acks)
     ORDER BY raised_at, alert_id LIMIT {limit:UInt64}`,
    { model: modelId, release, limit },
  );
}
