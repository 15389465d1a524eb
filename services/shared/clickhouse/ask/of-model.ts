import { agentsShape, incidentShape, timelineShape, windowShape } from '../../core/answer-shape.js';
import { classifyAgents, type AgentClasses } from '../../core/agents.js';
import type { Incident } from '../../core/incident.js';
import { compareUtf8 } from '../../core/order.js';
import type { JsonObject } from '../../core/question.js';
import type { Activation } from '../../core/timeline.js';
import { AS_OF, micros, numberOrNull, type ViewReader } from './view-reader.js';

export async function timelineAnswer(views: ViewReader, model: string, at: number): Promise<JsonObject> {
  const row = await views.row<{ traffic: Record<string, number> }>(
    `SELECT traffic FROM timeline${AS_OF}
     WHERE model_id = {model:String} AND toUnixTimestamp64Micro(from) <= {at:Int64} ORDER BY from DESC LIMIT 1`,
    { model, at },
  );
  return timelineShape(model, at, new Map(Object.entries(row?.traffic ?? {})));
}

/** An activation as the view has it, which leaves out the record that undid it. */
export interface WindowRow extends Omit<Activation, 'undoneBy'> {
  readonly undoneByOffset: string | null;
  readonly flagged: boolean;
}

/** By (from, release). */
export async function windowsOf(views: ViewReader, model: string): Promise<WindowRow[]> {
  const rows = await views.rows<{
    release: string;
    activation: number;
    from: string;
    to: string | null;
    undone_by: string | null;
    restored: string | null;
    flagged: boolean;
  }>(
    `SELECT release, activation, ${micros('w.from', '`from`')}, ${micros('w.to', '`to`')}, undone_by, restored, flagged
     FROM windows${AS_OF} AS w WHERE model_id = {model:String} ORDER BY w.from, release`,
    { model },
  );
  return rows.map(({ activation, from, to, undone_by, ...row }) => ({
    ...row,
    number: activation,
    from: Number(from),
    to: numberOrNull(to),
    undoneByOffset: undone_by,
  }));
}

export async function windowsAnswer(views: ViewReader, model: string): Promise<JsonObject[]> {
  const windows = await windowsOf(views, model);
  return windows.map((window) => windowShape({ ...window, undone: window.undoneByOffset !== null }));
}

interface IncidentRow {
  readonly model_id: string;
  readonly release: string;
  readonly state: Incident['state'];
  readonly activations: readonly number[];
  readonly contained_at: string | null;
  readonly recovered_at: string | null;
  readonly linked: readonly string[];
}

export type ModelIncident = Incident & { readonly model: string };

/** By (model, release). */
export async function incidentsOf(
  views: ViewReader,
  of: { readonly model?: string; readonly release?: string },
): Promise<ModelIncident[]> {
  const conditions = [
    ...(of.model === undefined ? [] : ['model_id = {model:String}']),
    ...(of.release === undefined ? [] : ['release = {release:String}']),
  ];
  const rows = await views.rows<IncidentRow>(
    `SELECT model_id, release, state, activations, ${micros('contained_at')}, ${micros('recovered_at')}, linked
     FROM incidents${AS_OF} ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
     ORDER BY model_id, release`,
    of,
  );
  return rows.map((row) => ({
    model: row.model_id,
    release: row.release,
    state: row.state,
    activations: row.activations,
    containedAt: numberOrNull(row.contained_at),
    recoveredAt: numberOrNull(row.recovered_at),
    linked: row.linked,
  }));
}

export async function incidentAnswer(views: ViewReader, model: string, release: string): Promise<JsonObject> {
  const [incident] = await incidentsOf(views, { model, release });
  return incident === undefined ? { state: 'none' } : incidentShape(incident);
}

export async function incidentsAnswer(views: ViewReader, model: string | undefined): Promise<JsonObject[]> {
  const incidents = await incidentsOf(views, model === undefined ? {} : { model });
  return incidents.map((incident) => ({
    model: incident.model,
    release: incident.release,
    ...incidentShape(incident),
  }));
}

const NO_AGENTS: AgentClasses = { changed: [], delayed: [], excluded: [], secondary: [] };

export async function agentsAnswer(
  views: ViewReader,
  { model, release, activation }: { model: string; release: string; activation?: number },
  settings: { readonly agentDelayMicros: number },
): Promise<JsonObject> {
  const windows = await windowsOf(views, model);
  const window = windows.find((one) => one.release === release && one.number === (activation ?? 1));
  return agentsShape(window === undefined ? NO_AGENTS : await agentsOf(views, { model, window }, settings));
}

/** The fold of SPEC 6 needs every record of the agents, and of the inferences only who made them when. */
export async function agentsOf(
  views: ViewReader,
  { model, window }: { model: string; window: WindowRow },
  settings: { readonly agentDelayMicros: number },
): Promise<AgentClasses> {
  const mine = 'model_id = {model:String} AND release = {release:String} AND activation = {activation:UInt32}';
  const params = { model, release: window.release, activation: window.number };
  const [exposures, causes, facts] = await Promise.all([
    views.rows<{ agent_id: string; first: string; last: string }>(
      `SELECT agent_id, ${micros('first_at', 'first')}, ${micros('last_at', 'last')}
       FROM agent_exposures${AS_OF} WHERE ${mine}`,
      params,
    ),
    views.rows<{ inference_id: string }>(
      `SELECT inference_id FROM inferences${AS_OF} WHERE ${mine} AND status = 'attributed'
         AND inference_id IN (SELECT arrayJoin(caused_by) FROM agent_changes${AS_OF})`,
      params,
    ),
    views.records('agents', 'true'),
  ]);
  const attributed = new Set(causes.map((row) => row.inference_id));
  return classifyAgents({
    modelId: model,
    activation: { ...window, undoneBy: null },
    exposures: new Map(
      exposures
        .sort((a, b) => compareUtf8(a.agent_id, b.agent_id))
        .map((row) => [row.agent_id, { first: Number(row.first), last: Number(row.last) }]),
    ),
    isAttributed: (inferenceId) => attributed.has(inferenceId),
    facts,
    delayMicros: settings.agentDelayMicros,
  });
}
