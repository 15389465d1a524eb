import type { ClickHouse } from '../shared/clickhouse/client.js';
import type { AlertKind, AlertState } from '../shared/core/alert-ledger.js';
import { now } from '../shared/clock.js';
import type { Outcome } from './needed.js';
import type { AlertRow } from './rows.js';
import type { Silence } from './silence.js';

type Reader = Pick<ClickHouse, 'select'>;
type Writer = Pick<ClickHouse, 'insert'>;

/** How far the delivery to one receiver is. */
export interface Progress {
  /** All rows of alerts written before, by the clock of ClickHouse, are decided on. */
  readonly writtenUntilMs: number;
  /** What silences that ended before had held back was looked at again. */
  readonly silencesUntilMs: number;
}

/** Null for a receiver that was never told of anything. */
export async function readProgress(database: Reader, receiver: string): Promise<Progress | null> {
  const [row] = await database.select<{ written: string; silences: string }>(
    `SELECT toUnixTimestamp64Milli(written_until) AS written, toUnixTimestamp64Milli(silences_until) AS silences
     FROM alert_receiver_rows FINAL WHERE receiver = {receiver:String}`,
    { receiver },
  );
  return row === undefined ? null : { writtenUntilMs: Number(row.written), silencesUntilMs: Number(row.silences) };
}

export async function writeProgress(database: Writer, receiver: string, progress: Progress): Promise<void> {
  const { writtenUntilMs, silencesUntilMs } = progress;
  await database.insert('alert_receiver_rows', [
    { receiver, written_until: writtenUntilMs, silences_until: silencesUntilMs, updated_at: now() },
  ]);
}

/** What became of one state of an alert. */
export interface Decision {
  readonly alert: AlertRow;
  readonly told: AlertState;
  readonly outcome: Outcome;
}

/** What a decision rests on. */
export interface Ground {
  readonly receiver: string;
  /** Empty where nothing was sent. */
  readonly notificationId?: string;
  readonly attempts?: number;
  readonly reason?: string;
}

const ROWS_MAX = 10_000;

export async function writeDecisions(
  database: Writer,
  decisions: readonly Decision[],
  { receiver, notificationId = '', attempts = 0, reason = '' }: Ground,
): Promise<void> {
  const rows = decisions.map(({ alert, told, outcome }) => ({
    receiver,
    model_id: alert.modelId,
    release: alert.release,
    alert_id: alert.alertId,
    kind: alert.kind,
    subject: alert.subject,
    state: told.state,
    changed_at: told.atMs,
    outcome,
    notification_id: notificationId,
    attempts,
    reason,
    decided_at: now(),
  }));
  for (let i = 0; i < rows.length; i += ROWS_MAX) {
    await database.insert('alert_delivery_rows', rows.slice(i, i + ROWS_MAX));
  }
}

/** When a receiver was last told of each incident. */
export async function sentTimes(
  database: Reader,
  receiver: string,
  incident?: { readonly modelId: string; readonly release: string },
): Promise<{ modelId: string; release: string; sentMs: number }[]> {
  const only = incident === undefined ? '' : 'AND model_id = {model:String} AND release = {release:String}';
  const rows = await database.select<{ model_id: string; release: string; sent: string }>(
    `SELECT model_id, release, toUnixTimestamp64Milli(max(decided_at)) AS sent FROM alert_delivery_rows
     WHERE receiver = {receiver:String} AND outcome IN ('delivered', 'counted') ${only} GROUP BY model_id, release`,
    { receiver, ...(incident === undefined ? {} : { model: incident.modelId, release: incident.release }) },
  );
  return rows.map(({ model_id: modelId, release, sent }) => ({ modelId, release, sentMs: Number(sent) }));
}

/** Silences that end after a time. */
export async function readSilences(database: Reader, endsAfterMs: number): Promise<Silence[]> {
  const rows = await database.select<{
    silence_id: string;
    model_id: string;
    release: string | null;
    kind: AlertKind | null;
    severity: string | null;
    from_ms: string;
    end_ms: string;
  }>(
    `SELECT silence_id, model_id, release, kind, severity, toUnixTimestamp64Milli(\`from\`) AS from_ms,
       toUnixTimestamp64Milli(ended_at) AS end_ms
     FROM alert_silences WHERE ended_at > fromUnixTimestamp64Milli({after:Int64}, 'UTC')`,
    { after: endsAfterMs },
  );
  return rows.map((row) => ({
    id: row.silence_id,
    modelId: row.model_id,
    release: row.release,
    kind: row.kind,
    severity: row.severity,
    fromMs: Number(row.from_ms),
    endMs: Number(row.end_ms),
  }));
}
