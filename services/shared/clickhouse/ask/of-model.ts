import { agentsShape, incidentShape, timelineShape, windowShape } from '../../core/answer-shape.js';
import { classifyAgents, type AgentClasses } from '../../core/agents.js';
import type { Incident } from '../../core/incident.js';
import type { JsonObject } from '../../core/question.js';
import { workAppearedSince } from './of-money.js';
import { flaggedStates, incidentAt, stateOf, type ModelStateAt, type WindowAt } from './state.js';
import { AS_OF, dateTime, micros, type ViewReader } from './view-reader.js';

export async function timelineAnswer(
  views: ViewReader,
  { model, at }: { readonly model: string; readonly at: number },
  knownAtMs: number,
): Promise<JsonObject> {
  const row = await views.row<{ traffic: Record<string, number> }>(
    `SELECT traffic FROM timeline${AS_OF}
     WHERE model_id = {model:String} AND toUnixTimestamp64Micro(from) <= {at:Int64} ORDER BY from DESC LIMIT 1`,
    { model, at, known: dateTime(knownAtMs) },
  );
  return timelineShape(model, at, new Map(Object.entries(row?.traffic ?? {})));
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

const NO_AGENTS: AgentClasses = { changed: [], delayed: [], excluded: [], secondary: [] };

export interface AgentSettings {
  readonly knownAtMs: number;
  readonly agentDelayMicros: number;
}

export async function agentsAnswer(
  views: ViewReader,
  { model, release, activation }: { model: string; release: string; activation?: number },
  settings: AgentSettings,
): Promise<JsonObject> {
  const { activations } = await stateOf(views, model, settings.knownAtMs);
  const window = activations.find((one) => one.release === release && one.number === (activation ?? 1));
  if (window === undefined) return agentsShape(NO_AGENTS);
  const classify = await agentClassifier(views, { model, only: window }, settings);
  return agentsShape(classify(window));
}

/**
 * The fold of SPEC 6 needs every record of the agents, and of the inferences only who made them when.
 * @param of a model, and maybe the only window that will be asked for
 */
export async function agentClassifier(
  views: ViewReader,
  of: { readonly model: string; readonly only?: WindowAt },
  { knownAtMs, agentDelayMicros }: AgentSettings,
): Promise<(window: WindowAt) => AgentClasses> {
  const { model, only } = of;
  const mine =
    'model_id = {model:String}' +
    (only === undefined
      ? ''
      : ' AND ifNull(release = {release:String}, false) AND ifNull(activation = {activation:UInt32}, false)');
  const params = {
    model,
    known: dateTime(knownAtMs),
    ...(only === undefined ? {} : { release: only.release, activation: only.number }),
  };
  const [exposures, causes, records] = await Promise.all([
    views.rows<Windowed & { agent_id: string; first: string; last: string }>(
      `SELECT release, activation, agent_id, ${micros('first_at', 'first')}, ${micros('last_at', 'last')}
       FROM agent_exposures${AS_OF} WHERE ${mine}`,
      params,
    ),
    views.rows<Windowed & { inference_id: string }>(
      `SELECT release, activation, inference_id FROM inferences${AS_OF} WHERE ${mine} AND status = 'attributed'
         AND inference_id IN (SELECT arrayJoin(caused_by) FROM agent_records WHERE notEmpty(caused_by))`,
      params,
    ),
    views.records('agents', 'true'),
  ]);
  const facts = records.filter(({ position }) => position.appendedAtMs <= knownAtMs);
  return (window) => {
    const inWindow = (row: Windowed): boolean => row.release === window.release && row.activation === window.number;
    const attributed = new Set(causes.filter(inWindow).map((row) => row.inference_id));
    return classifyAgents({
      modelId: model,
      activation: { ...window, undoneBy: null },
      exposures: new Map(
        exposures.filter(inWindow).map((row) => [row.agent_id, { first: Number(row.first), last: Number(row.last) }]),
      ),
      isAttributed: (inferenceId) => attributed.has(inferenceId),
      facts,
      delayMicros: agentDelayMicros,
    });
  };
}

interface Windowed {
  readonly release: string;
  readonly activation: number | null;
}
