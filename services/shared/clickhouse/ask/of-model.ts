import { incidentShape, timelineShape, windowShape } from '../../core/answer-shape.js';
import type { Incident } from '../../core/incident.js';
import type { JsonObject } from '../../core/question.js';
import { workAppearedSince } from './of-money.js';
import { flaggedStates, incidentAt, stateOf, type ModelStateAt } from './state.js';
import type { ViewReader } from './view-reader.js';

export async function timelineAnswer(
  views: ViewReader,
  { model, at }: { readonly model: string; readonly at: number },
  knownAtMs: number,
): Promise<JsonObject> {
  const traffic = await views.batched(`timeline ${model}`, { at, knownAtMs }, (asked) => splitsAt(views, model, asked));
  return timelineShape(model, at, traffic);
}

type Split = ReadonlyMap<string, number>;

async function splitsAt(
  views: ViewReader,
  model: string,
  asked: readonly { readonly at: number; readonly knownAtMs: number }[],
): Promise<Split[]> {
  const rows = await views.rows<{ item: number; traffic: Record<string, number> }>(
    `SELECT item, argMax(traffic, (from, offset)) AS traffic FROM traffic_changes
     ARRAY JOIN arrayEnumerate({ats:Array(Int64)}) AS item, {ats:Array(Int64)} AS at, {moments:Array(Int64)} AS k
     WHERE model_id = {model:String} AND toUnixTimestamp64Milli(known_at) <= k AND toUnixTimestamp64Micro(from) <= at
     GROUP BY item`,
    { model, ats: asked.map(({ at }) => at), moments: asked.map(({ knownAtMs }) => knownAtMs) },
  );
  const splits = new Map(rows.map(({ item, traffic }) => [item, new Map(Object.entries(traffic))]));
  return asked.map((_, i) => splits.get(i + 1) ?? new Map<string, number>());
}

export async function windowsAnswer(views: ViewReader, model: string, knownAtMs: number): Promise<JsonObject[]> {
  const { activations } = await stateOf(views, model, knownAtMs);
  return activations.map((window) => windowShape({ ...window, undone: window.undoneByOffset !== null }));
}

/** Of one model, by release. */
export async function incidentsOf(views: ViewReader, model: string, state: ModelStateAt): Promise<Incident[]> {
  return Promise.all(
    state.incidents.map((incident) =>
      incidentAt(incident, state.knownAtMs, (closedAtMs) =>
        workAppearedSince(views, { model, release: incident.release, closedAtMs }, state),
      ),
    ),
  );
}

export async function incidentAnswer(
  views: ViewReader,
  { model, release }: { readonly model: string; readonly release: string },
  knownAtMs: number,
): Promise<JsonObject> {
  const state = await stateOf(views, model, knownAtMs);
  const only = { ...state, incidents: state.incidents.filter((incident) => incident.release === release) };
  const [incident] = await incidentsOf(views, model, only);
  return incident === undefined ? { state: 'none' } : incidentShape(incident);
}

/** By (model, release). */
export async function incidentsAnswer(
  views: ViewReader,
  model: string | undefined,
  knownAtMs: number,
): Promise<JsonObject[]> {
  const states =
    model === undefined
      ? await flaggedStates(views, knownAtMs)
      : [{ model, state: await stateOf(views, model, knownAtMs) }];
  const lists = await Promise.all(
    states.map(async ({ model: id, state }) =>
      (await incidentsOf(views, id, state)).map((incident) => ({
        model: id,
        release: incident.release,
        ...incidentShape(incident),
      })),
    ),
  );
  return lists.flat();
}
