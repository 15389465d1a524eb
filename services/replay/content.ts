import type { ClickHouse, Params } from '../shared/clickhouse/client.js';
import { isTime, type Scope } from './manifest.js';

/** One thing that a run and the live tables both say, as analysts see it. */
export interface Content {
  readonly name: string;
  readonly view: string;
  /** What names a row on both sides. */
  readonly keys: readonly string[];
  /** Columns that say when something was written, not what. */
  readonly without?: readonly string[];
  /** Which rows belong to the scope. */
  readonly where: string;
  /** The section of SPEC that makes a row of records, where it is no record itself. */
  readonly rule?: string;
  /** Says what was known when it was written last: nothing that can be had for an earlier time. */
  readonly latestOnly?: true;
}

/** The databases in which it is looked up what belongs to a scope: what one has lost the other still knows. */
export type Sources = readonly string[];

const MODEL = 'model_id = {model:String}';

/** Columns that hold where a record lies: they differ between topics with other numbers of partitions. */
const POSITIONS: ReadonlySet<string> = new Set(['partition', 'offset', 'of_partition', 'of_offset']);

/** The name of a database or column in a statement. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

/** What of the tables belongs to a scope, as conditions. */
export interface Members {
  readonly inferences: (column: string) => string;
  readonly payments: (column: string) => string;
  /** On records of agents. */
  readonly agents: string;
  /** On what is said of whole releases; null where the scope is a span of time, which has a part of each. */
  readonly releases: string | null;
  readonly alerts: string;
}

export function membersOf(scope: Scope, sources: Sources): Members {
  const said = saidOf(scope);
  const among = (column: string, selects: readonly ((database: string) => string)[]): string =>
    `${column} IN (${sources.flatMap((one) => selects.map((select) => select(quoted(one)))).join(' UNION ALL ')})`;
  const ids = (database: string): string => `SELECT inference_id FROM ${database}.inference_revisions WHERE ${said}`;
  const inferences = (column: string): string => among(column, [ids]);
  const linked = (database: string): string =>
    `SELECT payment_id FROM ${database}.payment_links WHERE ${inferences('inference_id')}`;
  const others = paymentsBeside(scope);
  const payments = (column: string): string => among(column, others === null ? [linked] : [linked, others]);
  const exposed = among('agent_id', [
    (database) => `SELECT assumeNotNull(agent_id) FROM ${database}.inference_revisions
      WHERE agent_id IS NOT NULL AND ${said}`,
  ]);
  return {
    inferences,
    payments,
    // Whoever names another agent may have been reached through it.
    agents: `(${MODEL} OR notEmpty(upstream_agent_ids) OR ${exposed})`,
    ...windowsOf(scope, payments),
  };
}

/** What was ever said of the inferences of a scope. */
function saidOf({ release, activation, fromMicros, toMicros }: Scope): string {
  const said = [MODEL];
  if (release !== undefined) {
    said.push(
      activation === undefined
        ? '(release = {release:String} OR has(candidates.release, {release:String}))'
        : `((release = {release:String} AND activation = {activation:UInt32}) OR
           arrayExists(c -> c.release = {release:String} AND c.activation = {activation:UInt32}, candidates))`,
    );
  }
  if (fromMicros !== undefined) said.push("occurred_at >= fromUnixTimestamp64Micro({from:Int64}, 'UTC')");
  if (toMicros !== undefined) said.push("occurred_at < fromUnixTimestamp64Micro({to:Int64}, 'UTC')");
  return said.join(' AND ');
}

/** Payments of a scope that no inference of it leads to; null where there are none. */
function paymentsBeside(scope: Scope): ((database: string) => string) | null {
  if (isTime(scope)) return null;
  if (scope.release === undefined)
    return (database) => `SELECT payment_id FROM ${database}.payment_facts WHERE ${MODEL}`;
  // Those of the model that settled while the release was active, by whatever was ever known of when that was.
  const activation = scope.activation === undefined ? '' : 'AND a.activation = {activation:UInt32}';
  return (database) => `SELECT payment_id FROM ${database}.payment_model_rows FINAL
    WHERE ${MODEL} AND NOT void AND (names_model OR notEmpty(parts)) AND arrayExists(
      w -> ifNull(settled_at >= w.1, false) AND ifNull(settled_at < w.2, true),
      (SELECT groupArray((a.from, a.to)) FROM ${database}.model_state_rows FINAL ARRAY JOIN activations AS a
       WHERE ${MODEL} AND a.release = {release:String} ${activation}))`;
}

function windowsOf(scope: Scope, payments: Members['payments']): Pick<Members, 'releases' | 'alerts'> {
  if (isTime(scope)) {
    const settled = `kind = 'SETTLED_ON_FLAGGED' AND ${payments('subject')}`;
    return { releases: null, alerts: `${MODEL} AND (kind = 'FLAGGED_REACTIVATED' OR (${settled}))` };
  }
  const all = scope.release === undefined ? MODEL : `${MODEL} AND release = {release:String}`;
  return { releases: all, alerts: all };
}

export function scopeParams({ model, release, activation, fromMicros, toMicros }: Scope): Params {
  return {
    model,
    ...(release === undefined ? {} : { release }),
    ...(activation === undefined ? {} : { activation }),
    ...(fromMicros === undefined ? {} : { from: fromMicros }),
    ...(toMicros === undefined ? {} : { to: toMicros }),
  };
}

export function contentsOf({ inferences, payments, agents, releases, alerts }: Members): readonly Content[] {
  const subject = inferences('subject_id');
  const wholes = [
    { name: 'window_reports', keys: ['release', 'activation'], rule: 'SPEC 7: windows' },
    { name: 'window_agent_classes', keys: ['release', 'activation', 'agent_id', 'class'], rule: 'SPEC 6: agents' },
    { name: 'incident_reports', keys: ['release'], rule: 'SPEC 7: incidents' },
  ];
  return [
    { name: 'release_records', view: 'release_records', keys: ['event_id'], where: MODEL },
    { name: 'inference_records', view: 'inference_records', keys: ['inference_id'], where: inferences('inference_id') },
    { name: 'proof_records', view: 'proof_records', keys: ['event_id'], where: inferences('inference_id') },
    { name: 'payment_records', view: 'payment_records', keys: ['event_id'], where: payments('payment_id') },
    { name: 'agent_records', view: 'agent_records', keys: ['event_id'], where: agents },
    {
      name: 'copies',
      view: 'copies',
      keys: ['stream', 'partition', 'offset'],
      where: `((stream IN ('inferences', 'proofs') AND ${subject}) OR (stream = 'payments' AND ${payments('subject_id')})
        OR (stream = 'releases' AND subject_id = {model:String}))`,
      rule: 'SPEC 2: the first copy in log order counts',
    },
    {
      name: 'inference_revisions',
      view: 'inference_revisions',
      keys: ['inference_id', 'known_at'],
      without: ['said_until'],
      where: inferences('inference_id'),
      rule: 'SPEC 5: which release served',
    },
    {
      name: 'payment_revisions',
      view: 'payment_revisions',
      keys: ['payment_id', 'known_at'],
      where: payments('payment_id'),
      rule: 'SPEC 6: what a payment is split over',
    },
    {
      name: 'model_state_revisions',
      view: 'model_state_revisions',
      keys: ['known_at'],
      where: MODEL,
      rule: 'SPEC 4 and 7: activations, flags and what they cover',
    },
    {
      name: 'alert_states',
      view: 'alert_states',
      keys: ['alert_id', 'changed_at'],
      where: alerts,
      rule: 'SPEC 7: alerts',
    },
    ...(releases === null ? [] : wholes).map((one) => {
      return { ...one, view: one.name, without: ['known_at'], where: releases ?? '', latestOnly: true as const };
    }),
  ];
}

/**
 * One side of a comparison: the database, and up to when its records are taken. Asked by a connection of its own: a view that
 * calls a view with parameters finds that one in the database of the connection, not in its own.
 */
export interface Side {
  readonly database: Pick<ClickHouse, 'select' | 'database'>;
  readonly knownAtMs: number | null;
}

export interface Columns {
  readonly all: readonly string[];
  /** Without where records lie. */
  readonly placeless: readonly string[];
  readonly condition: string;
}

/** Which columns of a view are compared, and of which rows. */
export async function columnsOf(
  { view, without = [], where }: Content,
  { database, knownAtMs }: Side,
): Promise<Columns> {
  const rows = await database.select<{ name: string }>(
    'SELECT name FROM system.columns WHERE database = {database:String} AND table = {view:String} ORDER BY position',
    { database: database.database, view },
  );
  const all = rows.map(({ name }) => name).filter((name) => !without.includes(name));
  const time = ['appended_at', 'changed_at', 'known_at'].filter((name) => all.includes(name));
  const known = time.map((name) => `toUnixTimestamp64Milli(${name}) <= ${String(knownAtMs)}`);
  return {
    all,
    placeless: all.filter((name) => !POSITIONS.has(name)),
    condition: knownAtMs === null ? where : [`(${where})`, ...known].join(' AND '),
  };
}

/** A strong hash of what a row says, the same on every machine. */
export function rowHash(columns: readonly string[]): string {
  return `SHA256(toJSONString(tuple(${columns.map(quoted).join(', ')})))`;
}
