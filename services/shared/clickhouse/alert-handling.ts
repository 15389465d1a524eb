import type { AlertKind } from '../core/alert-ledger.js';
import type { ClickHouse } from './client.js';

type Reader = Pick<ClickHouse, 'select'>;

/** An alert as people look at it. */
export interface AlertLine {
  readonly alert_id: string;
  readonly kind: AlertKind;
  readonly model_id: string;
  readonly release: string;
  readonly subject: string;
  readonly severity: string | null;
  readonly raised_ms: string;
  readonly state: 'firing' | 'resolved';
  readonly changed_ms: string;
  readonly retroactive: boolean;
  readonly late: boolean;
}

export interface Ack {
  readonly alert_id: string;
  readonly action: 'ack' | 'unack';
  readonly who: string;
  readonly why: string;
  readonly handled_ms: string;
}

export interface AlertFilter {
  readonly knownAtMs?: number | undefined;
  readonly model?: string | undefined;
  readonly state?: string | undefined;
  readonly kind?: string | undefined;
  readonly ids?: readonly string[] | undefined;
}

/** The last that a DateTime64(3) holds, less a day. */
const EVER_MS = 10_413_700_000_000;

/** Alerts by (raised, kind, subject, release), as every answer has them. */
export async function readAlertLines(
  database: Reader,
  { knownAtMs = EVER_MS, model, state, kind, ids }: AlertFilter,
): Promise<AlertLine[]> {
  const conditions = [
    ...(model === undefined ? [] : ['model_id = {model:String}']),
    ...(state === undefined ? [] : ['state = {state:String}']),
    ...(kind === undefined ? [] : ['kind = {kind:String}']),
    ...(ids === undefined ? [] : ['alert_id IN {ids:Array(String)}']),
  ];
  return database.select<AlertLine>(
    `SELECT alert_id, kind, model_id, release, subject, severity, toUnixTimestamp64Milli(raised_at) AS raised_ms, state,
       toUnixTimestamp64Milli(changed_at) AS changed_ms, retroactive, late
     FROM alerts_as_of(known_at = fromUnixTimestamp64Milli({known:Int64}, 'UTC'))
     ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
     ORDER BY raised_at, kind, subject, release`,
    {
      known: knownAtMs,
      ...(model === undefined ? {} : { model }),
      ...(state === undefined ? {} : { state }),
      ...(kind === undefined ? {} : { kind }),
      ...(ids === undefined ? {} : { ids }),
    },
  );
}

/** The last that was said of each alert until a time, by alert; those that were given back are left out. */
export async function readAcks(database: Reader, untilMs = EVER_MS): Promise<ReadonlyMap<string, Ack>> {
  const rows = await database.select<{ alert_id: string; last: [Ack['action'], string, string, string] }>(
    `SELECT alert_id, argMax((action, who, why, toUnixTimestamp64Milli(handled_at)), (handled_at, action)) AS last
     FROM alert_handlings WHERE handled_at <= fromUnixTimestamp64Milli({until:Int64}, 'UTC') GROUP BY alert_id`,
    { until: untilMs },
  );
  return new Map(
    rows
      .filter(({ last: [action] }) => action === 'ack')
      .map(({ alert_id, last: [action, who, why, handled_ms] }) => [
        alert_id,
        { alert_id, action, who, why, handled_ms },
      ]),
  );
}

/** All that was ever said of one alert. */
export async function readHandlings(database: Reader, alertId: string): Promise<Ack[]> {
  return database.select<Ack>(
    `SELECT alert_id, action, who, why, toUnixTimestamp64Milli(handled_at) AS handled_ms
     FROM alert_handlings WHERE alert_id = {id:String} ORDER BY handled_at, action`,
    { id: alertId },
  );
}

/** Ids that begin so, at most `limit`. */
export async function idsBeginning(
  database: Reader,
  { view, id }: { readonly view: 'alerts' | 'alert_silences'; readonly id: 'alert_id' | 'silence_id' },
  { prefix, limit }: { readonly prefix: string; readonly limit: number },
): Promise<string[]> {
  const rows = await database.select<{ id: string }>(
    `SELECT DISTINCT ${id} AS id FROM ${view} WHERE startsWith(${id}, {prefix:String}) ORDER BY id LIMIT {limit:UInt64}`,
    { prefix, limit },
  );
  return rows.map((row) => row.id);
}

export interface SilenceLine {
  readonly silence_id: string;
  readonly model_id: string;
  readonly release: string | null;
  readonly kind: string | null;
  readonly severity: string | null;
  readonly from_ms: string;
  readonly until_ms: string;
  readonly ended_ms: string;
  readonly who: string;
  readonly why: string;
  readonly ended_by: string | null;
  readonly ended_why: string | null;
}

/** Silences that end after a time, by when they began. */
export async function readSilenceLines(
  database: Reader,
  { endsAfterMs, id }: { readonly endsAfterMs: number; readonly id?: string },
): Promise<SilenceLine[]> {
  return database.select<SilenceLine>(
    `SELECT silence_id, model_id, release, kind, severity, toUnixTimestamp64Milli(\`from\`) AS from_ms,
       toUnixTimestamp64Milli(until) AS until_ms, toUnixTimestamp64Milli(ended_at) AS ended_ms, who, why, ended_by, ended_why
     FROM alert_silences
     WHERE ended_at > fromUnixTimestamp64Milli({after:Int64}, 'UTC') ${id === undefined ? '' : 'AND silence_id = {id:String}'}
     ORDER BY \`from\`, silence_id`,
    { after: endsAfterMs, ...(id === undefined ? {} : { id }) },
  );
}

/** What one alert went through: every state, and what became of each at each receiver. */
export async function readAlertHistory(
  database: Reader,
  alertId: string,
): Promise<{
  states: { state: string; at_ms: string }[];
  deliveries: {
    receiver: string;
    state: string;
    outcome: string;
    attempts: number;
    reason: string;
    notification_id: string;
    at_ms: string;
  }[];
}> {
  const id = { id: alertId };
  return {
    states: await database.select(
      `SELECT state, toUnixTimestamp64Milli(changed_at) AS at_ms FROM alert_states WHERE alert_id = {id:String}
       ORDER BY changed_at`,
      id,
    ),
    deliveries: await database.select(
      `SELECT receiver, state, outcome, attempts, reason, notification_id, toUnixTimestamp64Milli(decided_at) AS at_ms
       FROM alert_deliveries WHERE alert_id = {id:String} ORDER BY decided_at, receiver, state`,
      id,
    ),
  };
}
