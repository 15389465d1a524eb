import type { Incident } from '../../core/incident.js';
import { incidentState } from '../../core/incident.js';
import type { Params } from '../client.js';
import { AS_OF, dateTime, numberOrNull, type ViewReader } from './view-reader.js';

/** What the release records of a model come to, as the view `model_states` has it. Event times are microseconds. */
export interface ModelStateAt {
  readonly knownAtMs: number;
  readonly activations: readonly WindowAt[];
  readonly flaggedReleases: ReadonlySet<string>;
  readonly coverage: readonly Coverage[];
  readonly incidents: readonly IncidentAt[];
}

export interface WindowAt {
  readonly release: string;
  readonly number: number;
  readonly from: number;
  readonly to: number | null;
  readonly undoneByOffset: string | null;
  readonly restored: string | null;
  readonly flagged: boolean;
}

export interface Coverage {
  readonly release: string;
  /** Null: whatever the target. */
  readonly targetId: string | null;
  readonly from: number;
  readonly until: number;
}

export interface IncidentAt extends Omit<Incident, 'state'> {
  readonly standing: boolean;
  readonly covered: readonly { readonly from: number; readonly to: number | null }[];
  readonly closedAtMs: number | null;
  readonly began: boolean;
}

interface StateRow {
  readonly activations: readonly [string, number, string, string | null, string | null, string | null, boolean][];
  readonly flagged: readonly string[];
  readonly coverage: readonly [string, string, boolean, string, string][];
  readonly incidents: readonly [
    string,
    boolean,
    readonly number[],
    readonly (readonly [string, string | null])[],
    string | null,
    string | null,
    readonly string[],
    string | null,
    boolean,
  ][];
}

const MICROS = 'toUnixTimestamp64Micro';
const COLUMNS = `
  arrayMap(a -> (a.release, a.activation, ${MICROS}(a.from), ${MICROS}(a.to), a.undone_by, a.restored, a.flagged), activations)
    AS activations,
  flags.release AS flagged,
  arrayMap(c -> (c.release, c.target_id, c.any_target, ${MICROS}(c.from), ${MICROS}(c.until)), coverage) AS coverage,
  arrayMap(i -> (i.release, i.standing, i.activations, arrayMap(s -> (${MICROS}(s.from), ${MICROS}(s.to)), i.spans),
    ${MICROS}(i.contained_at), ${MICROS}(i.recovered_at), i.linked, toUnixTimestamp64Milli(i.closed_at), i.began), incidents)
    AS incidents`;

export async function stateOf(views: ViewReader, model: string, knownAtMs: number): Promise<ModelStateAt> {
  const row = await views.row<StateRow>(`SELECT ${COLUMNS} FROM model_states${AS_OF} WHERE model_id = {model:String}`, {
    model,
    known: dateTime(knownAtMs),
  });
  return toState(row, knownAtMs);
}

/** Of every model that ever had a flag, by model. */
export async function flaggedStates(
  views: ViewReader,
  knownAtMs: number,
): Promise<{ model: string; state: ModelStateAt }[]> {
  const rows = await views.rows<StateRow & { model_id: string }>(
    `SELECT model_id, ${COLUMNS} FROM model_states${AS_OF} WHERE notEmpty(incidents) ORDER BY model_id`,
    { known: dateTime(knownAtMs) },
  );
  return rows.map((row) => ({ model: row.model_id, state: toState(row, knownAtMs) }));
}

function toState(row: StateRow | undefined, knownAtMs: number): ModelStateAt {
  return {
    knownAtMs,
    activations: (row?.activations ?? []).map(([release, number, from, to, undoneByOffset, restored, flagged]) => ({
      release,
      number,
      from: Number(from),
      to: numberOrNull(to),
      undoneByOffset,
      restored,
      flagged,
    })),
    flaggedReleases: new Set(row?.flagged ?? []),
    coverage: (row?.coverage ?? []).map(([release, target, any, from, until]) => ({
      release,
      targetId: any ? null : target,
      from: Number(from),
      until: Number(until),
    })),
    incidents: (row?.incidents ?? []).map(
      ([release, standing, activations, spans, contained, recovered, linked, closed, began]) => ({
        release,
        standing,
        activations,
        covered: spans.map(([from, to]) => ({ from: Number(from), to: numberOrNull(to) })),
        containedAt: numberOrNull(contained),
        recoveredAt: numberOrNull(recovered),
        linked,
        closedAtMs: numberOrNull(closed),
        began,
      }),
    ),
  };
}

export function isCovered(
  state: ModelStateAt,
  served: { readonly release: string; readonly at: number; readonly targetId: string | null },
): boolean {
  return state.coverage.some(
    (span) =>
      span.release === served.release &&
      span.from <= served.at &&
      served.at < span.until &&
      (span.targetId === null || span.targetId === served.targetId),
  );
}

/** The same as a condition on columns `occurred_at` and `target_id`, with its parameters. */
export function coveredCondition(state: ModelStateAt, release: string): CoveredCondition {
  const spans = state.coverage.filter((span) => span.release === release);
  const params = {
    first: Math.min(...spans.map(({ from }) => from)),
    last: Math.max(...spans.map(({ until }) => until)),
    froms: spans.map((span) => span.from),
    untils: spans.map((span) => span.until),
    anys: spans.map((span) => (span.targetId === null ? 1 : 0)),
    targets: spans.map((span) => span.targetId ?? ''),
  };
  // Rows are ordered by time: outside of all spans nothing is read. One span for any target is nothing but that.
  const within = `occurred_at >= fromUnixTimestamp64Micro({first:Int64}, 'UTC')
    AND occurred_at < fromUnixTimestamp64Micro({last:Int64}, 'UTC')`;
  const each = `arrayExists((spanFrom, spanUntil, isAny, target) ->
      toUnixTimestamp64Micro(occurred_at) >= spanFrom AND toUnixTimestamp64Micro(occurred_at) < spanUntil
      AND (isAny = 1 OR ifNull(target_id = target, false)),
    {froms:Array(Int64)}, {untils:Array(Int64)}, {anys:Array(UInt8)}, {targets:Array(String)})`;
  const simple = spans.length === 1 && spans[0]?.targetId === null;
  return { none: spans.length === 0, sql: simple ? within : `${within} AND ${each}`, params };
}

interface CoveredCondition {
  /** No flag covers any inference of it: there is nothing to look for, and the condition may not be used. */
  readonly none: boolean;
  readonly sql: string;
  readonly params: Params;
}

/** The state of an incident; whether work appeared since its close is asked of the views only where that decides. */
export async function incidentAt(
  incident: IncidentAt,
  knownAtMs: number,
  workSince: (closedAtMs: number) => Promise<boolean>,
): Promise<Incident> {
  const closes: number[] = [];
  let state = incidentState(incident, knownAtMs, (closedAtMs) => {
    closes.push(closedAtMs);
    return false;
  });
  for (const closedAtMs of closes) if (await workSince(closedAtMs)) state = 'reopened';
  const { release, activations, containedAt, recoveredAt, linked } = incident;
  return { release, state, activations, containedAt, recoveredAt, linked };
}
