import type { Incident } from '../../core/incident.js';
import { incidentState } from '../../core/incident.js';
import type { Params } from '../client.js';
import { AS_OF, dateTime, millis, numberOrNull, type ViewReader } from './view-reader.js';

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

export function stateOf(views: ViewReader, model: string, knownAtMs: number): Promise<ModelStateAt> {
  return views.batched('state', { model, knownAtMs }, (asked) => statesOf(views, asked));
}

async function statesOf(
  views: ViewReader,
  asked: readonly { readonly model: string; readonly knownAtMs: number }[],
): Promise<ModelStateAt[]> {
  const revisions = await views.rows<StateRow & { model_id: string; known: string }>(
    `SELECT model_id, ${millis('known_at', 'known')}, ${COLUMNS} FROM model_state_revisions
     WHERE (model_id, known_at) IN (
       SELECT model_id, max(known_at) FROM model_state_revisions
       ARRAY JOIN {models:Array(String)} AS model, {moments:Array(Int64)} AS k
       WHERE model_id IN {models:Array(String)} AND model_id = model AND toUnixTimestamp64Milli(known_at) <= k
       GROUP BY model_id, k
     ) ORDER BY known_at`,
    { models: asked.map(({ model }) => model), moments: asked.map(({ knownAtMs }) => knownAtMs) },
  );
  return asked.map(({ model, knownAtMs }) => {
    const known = revisions.filter((row) => row.model_id === model && Number(row.known) <= knownAtMs);
    return toState(known.at(-1), knownAtMs);
  });
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

/** What flags cover of releases, as known at some moments, as conditions on inferences. */
export interface CoveredCondition {
  /** No flag covers any inference of them: there is nothing to look for, and the conditions may not be used. */
  readonly none: boolean;
  /** Of `occurred_at`: rows are ordered by time, and outside of all spans nothing is read. */
  readonly within: string;
  /**
   * Numbers, from 1, of what covers the inference, as an array. Of `occurred_at` and `target_id`; when several were asked
   * for, also of `asked_at` and `release`.
   */
  readonly items: string;
  readonly params: Params;
}

export function coverageOf(
  asked: readonly { readonly state: ModelStateAt; readonly release: string }[],
): CoveredCondition {
  const spans = asked.flatMap(({ state, release }, i) =>
    state.coverage
      .filter((span) => span.release === release)
      .map((span) => ({ ...span, item: i + 1, knownAtMs: state.knownAtMs })),
  );
  // One span for any target is nothing but `within`.
  const simple = asked.length === 1 && spans.length === 1 && spans[0]?.targetId === null;
  const which = asked.length === 1 ? '' : 'k = asked_at AND wanted = release AND';
  const each = `arrayDistinct(arrayFilter((item, k, wanted, spanFrom, spanUntil, isAny, target) -> ${which}
      toUnixTimestamp64Micro(occurred_at) >= spanFrom AND toUnixTimestamp64Micro(occurred_at) < spanUntil
      AND (isAny = 1 OR ifNull(target_id = target, false)),
    {items:Array(UInt32)}, {ks:Array(Int64)}, {wanted:Array(String)}, {froms:Array(Int64)}, {untils:Array(Int64)},
    {anys:Array(UInt8)}, {targets:Array(String)}))`;
  return {
    none: spans.length === 0,
    within: `occurred_at >= fromUnixTimestamp64Micro({first:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Micro({last:Int64}, 'UTC')`,
    items: simple ? '[1]' : each,
    params: {
      first: Math.min(...spans.map(({ from }) => from)),
      last: Math.max(...spans.map(({ until }) => until)),
      items: spans.map(({ item }) => item),
      ks: spans.map(({ knownAtMs }) => knownAtMs),
      wanted: spans.map(({ release }) => release),
      froms: spans.map((span) => span.from),
      untils: spans.map((span) => span.until),
      anys: spans.map((span) => (span.targetId === null ? 1 : 0)),
      targets: spans.map((span) => span.targetId ?? ''),
    },
  };
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
