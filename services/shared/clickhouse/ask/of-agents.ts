import { classifyAgents, type AgentClasses } from '../../core/agents.js';
import { agentsShape } from '../../core/answer-shape.js';
import type { JsonObject } from '../../core/question.js';
import { Moments } from './moments.js';
import { stateOf, type WindowAt } from './state.js';
import { micros, type ViewReader } from './view-reader.js';

const NO_AGENTS: AgentClasses = { changed: [], delayed: [], excluded: [], secondary: [] };

interface AgentSettings {
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

/** An agent and an activation it is exposed to; and inferences of that activation that agents name as the cause of a change. */
interface EvidenceRow {
  readonly asked: string;
  readonly release: string;
  readonly activation: number;
  /** Null: inferences that no agent made. */
  readonly agent_id: string | null;
  readonly first: string;
  readonly last: string;
  readonly causes: readonly string[];
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
  const asked = only === undefined ? { knownAtMs } : { knownAtMs, release: only.release, activation: only.number };
  const [rows, records] = await Promise.all([
    views.batched<Asked, readonly EvidenceRow[]>(
      `${only === undefined ? 'agents of all windows' : 'agents of windows'} of ${model}`,
      asked,
      (together) => evidenceOf(views, model, together),
    ),
    views.records('agents', 'true'),
  ]);
  const facts = records.filter(({ position }) => position.appendedAtMs <= knownAtMs);
  return (window) => {
    const mine = rows.filter((row) => row.release === window.release && row.activation === window.number);
    const attributed = new Set(mine.flatMap(({ causes }) => causes));
    return classifyAgents({
      modelId: model,
      activation: { ...window, undoneBy: null },
      exposures: new Map(
        mine.flatMap(({ agent_id: agent, first, last }) =>
          agent === null ? [] : [[agent, { first: Number(first), last: Number(last) }]],
        ),
      ),
      isAttributed: (inferenceId) => attributed.has(inferenceId),
      facts,
      delayMicros: agentDelayMicros,
    });
  };
}

interface Asked {
  readonly knownAtMs: number;
  readonly release?: string;
  readonly activation?: number;
}

async function evidenceOf(views: ViewReader, model: string, asked: readonly Asked[]): Promise<EvidenceRow[][]> {
  const moments = new Moments(
    model,
    asked.map(({ knownAtMs }) => knownAtMs),
  );
  const releases = asked.flatMap(({ release }) => release ?? []);
  const activations = asked.flatMap(({ activation }) => activation ?? []);
  const mine =
    releases.length === 0
      ? ''
      : `AND ifNull(release IN {releases:Array(String)}, false) AND ifNull(activation IN {activations:Array(UInt32)}, false)`;
  const rows = await views.rows<EvidenceRow>(
    `SELECT asked_at AS asked, assumeNotNull(release) AS release, assumeNotNull(activation) AS activation, agent_id,
       ${micros('min(occurred_at)', 'first')}, ${micros('max(occurred_at)', 'last')}, groupArrayIf(inference_id, is_cause) AS causes
     FROM ${moments.inferences(
       `inference_id, occurred_at, release, activation, agent_id,
        inference_id IN (SELECT arrayJoin(caused_by) FROM agent_records WHERE notEmpty(caused_by)) AS is_cause`,
       `status = 'attributed' AND activation IS NOT NULL ${mine}`,
     )}
     WHERE agent_id IS NOT NULL OR is_cause
     GROUP BY asked_at, release, activation, agent_id`,
    { ...moments.params, ...(releases.length === 0 ? {} : { releases, activations }) },
  );
  return asked.map((one) => rows.filter((row) => Number(row.asked) === one.knownAtMs));
}
