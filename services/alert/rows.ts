import type { ClickHouse, Params } from '../shared/clickhouse/client.js';
import { listed } from '../shared/clickhouse/conditions.js';
import { alertId } from './alert-id.js';
import { raisedAtMs, type AlertHistory, type AlertKind, type AlertState } from '../shared/core/alert-ledger.js';
import type { Judged, Reach } from './judge.js';

/** An alert as `alert_rows` has it. */
export interface AlertRow {
  readonly alertId: string;
  readonly modelId: string;
  readonly kind: AlertKind;
  readonly release: string;
  readonly subject: string;
  readonly severity: string | null;
  readonly retroactive: boolean;
  readonly late: boolean;
  readonly raisedAtMs: number;
  /** Empty when it turned out never to have been true. */
  readonly states: readonly AlertState[];
}

/**
 * Writes a row for every alert of which something else is true than its row says, and for every one that was written and
 * is none. Writing the same again writes nothing. Returns what was written.
 */
export async function reviseAlerts(
  database: Pick<ClickHouse, 'insert'>,
  { modelId, alerts }: Judged,
  { before: rows, version }: { readonly before: readonly AlertRow[]; readonly version: string },
): Promise<AlertRow[]> {
  const before = new Map(rows.map((row) => [row.alertId, row]));
  const changed: AlertRow[] = [];
  for (const alert of alerts) {
    const row = toRow(modelId, alert);
    const last = before.get(row.alertId);
    before.delete(row.alertId);
    if (last === undefined || JSON.stringify(last) !== JSON.stringify(row)) changed.push(row);
  }
  for (const none of before.values()) if (none.states.length > 0) changed.push({ ...none, states: [] });
  await database.insert(
    'alert_rows',
    changed.map((row) => toColumns(row, version)),
  );
  return changed;
}

function toRow(modelId: string, alert: AlertHistory): AlertRow {
  const { kind, release, subject, severity, retroactive, late, states } = alert;
  return {
    alertId: alertId(modelId, alert),
    modelId,
    kind,
    release,
    subject,
    severity,
    retroactive,
    late,
    raisedAtMs: raisedAtMs(alert),
    states: states.map(({ state, atMs }) => ({ state, atMs })),
  };
}

function toColumns(row: AlertRow, version: string): object {
  return {
    model_id: row.modelId,
    kind: row.kind,
    release: row.release,
    subject: row.subject,
    alert_id: row.alertId,
    raised_at: row.raisedAtMs,
    retroactive: row.retroactive,
    late: row.late,
    severity: row.severity,
    states: row.states.map(({ state, atMs }) => ({ state, changed_at: atMs })),
    void: row.states.length === 0,
    version,
  };
}

export interface StoredAlert {
  readonly alert_id: string;
  readonly model_id: string;
  readonly kind: AlertKind;
  readonly release: string;
  readonly subject: string;
  readonly severity: string | null;
  readonly retroactive: boolean;
  readonly late: boolean;
  readonly raised_ms: string;
  readonly told: readonly (readonly [AlertState['state'], string])[];
}

export const ALERT_COLUMNS = `alert_id, model_id, kind, release, subject, severity, retroactive, late,
  toUnixTimestamp64Milli(raised_at) AS raised_ms,
  if(void, [], arrayMap(s -> (s.state, toUnixTimestamp64Milli(s.changed_at)), states)) AS told`;

export function storedAlert(row: StoredAlert): AlertRow {
  return {
    alertId: row.alert_id,
    modelId: row.model_id,
    kind: row.kind,
    release: row.release,
    subject: row.subject,
    severity: row.severity,
    retroactive: row.retroactive,
    late: row.late,
    raisedAtMs: Number(row.raised_ms),
    states: row.told.map(([state, atMs]) => ({ state, atMs: Number(atMs) })),
  };
}

/** Rows of alerts, those that are none included. */
export async function readAlerts(
  database: Pick<ClickHouse, 'select'>,
  condition: string,
  params: Params,
): Promise<AlertRow[]> {
  const rows = await database.select<StoredAlert>(
    `SELECT ${ALERT_COLUMNS} FROM alert_rows FINAL WHERE ${condition}`,
    params,
  );
  return rows.map(storedAlert);
}

/** What the rows of a reach say. */
export function rowsOf(database: Pick<ClickHouse, 'select'>, model: string, reach: Reach): Promise<AlertRow[]> {
  const ofModel = 'model_id = {model:String}';
  if (reach === 'serving') return readAlerts(database, `${ofModel} AND kind != 'SETTLED_ON_FLAGGED'`, { model });
  if (reach === 'stale') return readAlerts(database, `${ofModel} AND kind = 'STALE_SERVING'`, { model });
  const subjects = listed('subjects', reach.payments);
  const condition = `${ofModel} AND kind = 'SETTLED_ON_FLAGGED' AND subject IN ${subjects.sql}`;
  return readAlerts(database, condition, { model, ...subjects.params });
}
