import { classifyAgents, type AgentClasses, type Exposure } from './agents.js';
import type { Activation } from './timeline.js';
import type { Trail } from './trail.js';

/** The agents of one activation: gathers their exposures and the changes, and classifies them. */
export function agentClasses(trail: Trail, model: string, activation: Activation): AgentClasses {
  const exposures = new Map<string, Exposure>();
  const attributed = new Set<string>();
  for (const fact of trail.ofModel(model)) {
    const verdict = trail.verdict(fact);
    if (verdict.release !== activation.release || verdict.activation !== activation.number) continue;
    attributed.add(fact.record.inference_id);
    const { agent_id: agentId, occurred_at: at } = fact.record;
    if (agentId === null) continue;
    const known = exposures.get(agentId) ?? { first: at, last: at };
    exposures.set(agentId, { first: Math.min(known.first, at), last: Math.max(known.last, at) });
  }
  const isAttributed = (inferenceId: string): boolean => attributed.has(inferenceId);
  return classifyAgents({
    modelId: model,
    activation,
    exposures,
    isAttributed,
    facts: trail.agents,
    delayMicros: trail.settings.agentDelayMicros,
  });
}
