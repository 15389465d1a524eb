import type { AgentRecord } from '../../../schemas/types.generated.js';
import { groupBy } from './group.js';
import { compareEventOrder, compareUtf8, sortedIds } from './order.js';
import type { AgentFact } from './record.js';
import { contains, DAY_MICROS, HOUR_MICROS } from './time.js';
import type { Activation } from './timeline.js';

/** An agent's exposure to one activation: when it first and last had an inference attributed to it. */
export interface Exposure {
  readonly first: number;
  readonly last: number;
}

export type Exclusion = 'CHANGE_PRECEDES_EXPOSURE' | 'NO_CHANGE' | 'NOT_EXPOSED';

/** What became of a changed agent; `at` is the time of the record that says so, null where none does. */
export interface Outcome {
  readonly kind: 'persisting' | 'reverted' | 'relapsed' | 'unknown';
  readonly at: number | null;
}

export interface ChangedAgent {
  readonly agentId: string;
  readonly change: AgentRecord;
  /** Whether a `caused_by` inference is attributed to the activation; otherwise the link is only temporal. */
  readonly caused: boolean;
  readonly outcome: Outcome;
}

export interface SecondaryAgent {
  readonly agent: string;
  readonly depth: number;
  readonly via: readonly string[];
}

/** The agents of one activation, each exposed one in exactly one of the first three (SPEC 6, Agents). */
export interface AgentClasses {
  readonly changed: readonly ChangedAgent[];
  readonly delayed: readonly { readonly agentId: string; readonly change: AgentRecord }[];
  readonly excluded: readonly { readonly agentId: string; readonly reason: Exclusion }[];
  readonly secondary: readonly SecondaryAgent[];
}

export interface AgentEvidence {
  readonly modelId: string;
  readonly activation: Activation;
  readonly exposures: ReadonlyMap<string, Exposure>;
  /** Whether an inference is attributed to the activation. */
  readonly isAttributed: (inferenceId: string) => boolean;
  /** All agent records, of any model. */
  readonly facts: readonly AgentFact[];
  /** How long after the end of the activation a change still counts as delayed. */
  readonly delayMicros: number;
}

export const DELAY_MICROS = 7 * DAY_MICROS;
const LEAD_MICROS = HOUR_MICROS;

export function classifyAgents(evidence: AgentEvidence): AgentClasses {
  const { activation, exposures, modelId } = evidence;
  const ordered = [...evidence.facts].sort(compareEventOrder).map((fact) => fact.record);
  const records = groupBy(
    ordered.filter((record) => record.model_id === null || record.model_id === modelId),
    (record) => record.agent_id,
  );
  const changed: ChangedAgent[] = [];
  const delayed: { agentId: string; change: AgentRecord }[] = [];
  const excluded: { agentId: string; reason: Exclusion }[] = [];
  for (const agentId of sortedIds([...exposures.keys(), ...records.keys()])) {
    const own = records.get(agentId) ?? [];
    const exposure = exposures.get(agentId);
    if (exposure === undefined) {
      const during = own.some((record) => record.action === 'CHANGED' && contains(activation, record.occurred_at));
      if (during) excluded.push({ agentId, reason: 'NOT_EXPOSED' });
      continue;
    }
    const found = changeOf(own, evidence, exposure);
    if (found === null) excluded.push({ agentId, reason: exclusionOf(own, activation, exposure) });
    else if (found.delayed) delayed.push({ agentId, change: found.change });
    else {
      const caused = found.change.caused_by.some(evidence.isAttributed);
      changed.push({ agentId, change: found.change, caused, outcome: outcomeOf(found.change, own) });
    }
  }
  return { changed, delayed, excluded, secondary: secondaryAgents(ordered, exposures) };
}

function changeOf(
  own: readonly AgentRecord[],
  { activation, delayMicros }: AgentEvidence,
  exposure: Exposure,
): { change: AgentRecord; delayed: boolean } | null {
  const { from, to } = activation;
  const firstIn = (start: number, end: number | null): AgentRecord | undefined =>
    own.find(
      (record) =>
        record.action === 'CHANGED' &&
        record.occurred_at >= exposure.first &&
        contains({ from: start, to: end }, record.occurred_at),
    );
  const change = firstIn(from, to);
  if (change !== undefined) return { change, delayed: false };
  const late = to === null ? undefined : firstIn(to, to + delayMicros);
  return late === undefined ? null : { change: late, delayed: true };
}

function exclusionOf(own: readonly AgentRecord[], activation: Activation, exposure: Exposure): Exclusion {
  const before = { from: activation.from - LEAD_MICROS, to: exposure.first };
  const preceded = own.some((record) => record.action === 'CHANGED' && contains(before, record.occurred_at));
  return preceded ? 'CHANGE_PRECEDES_EXPOSURE' : 'NO_CHANGE';
}

/** @param own the agent's records that count, in (`occurred_at`, append) order */
function outcomeOf(change: AgentRecord, own: readonly AgentRecord[]): Outcome {
  const later = own.slice(own.indexOf(change) + 1);
  const names = (record: AgentRecord): boolean =>
    record.action === 'REVERTED' && record.reverts_change_id === change.change_id;
  const i = later.findIndex((record) => names(record) || restores(record, change.kind, change.before_digest));
  const reverted = later[i];
  if (reverted === undefined) {
    return { kind: change.before_digest === null ? 'unknown' : 'persisting', at: null };
  }
  const relapse = later.slice(i + 1).find((record) => restores(record, change.kind, change.after_digest));
  return relapse === undefined
    ? { kind: 'reverted', at: reverted.occurred_at }
    : { kind: 'relapsed', at: relapse.occurred_at };
}

function restores(record: AgentRecord, kind: AgentRecord['kind'], digest: string | null): boolean {
  return record.kind === kind && digest !== null && record.after_digest === digest;
}

/**
 * Agents never exposed themselves, reached through records that name upstream agents. T0 of an exposed agent is its
 * first exposure; Td of an agent the earliest of its records that name an upstream u with T(d-1) of u at or before.
 * A record that counts at depth d need not count at a greater one: whoever follows it is reached at d + 1 already.
 *
 * @param ordered all agent records in time order
 */
function secondaryAgents(ordered: readonly AgentRecord[], exposures: ReadonlyMap<string, Exposure>): SecondaryAgent[] {
  const found = new Map<string, SecondaryAgent>();
  let reached = new Map([...exposures].map(([agentId, exposure]) => [agentId, exposure.first]));
  let open = ordered.filter((record) => record.upstream_agent_ids.length > 0);
  for (let depth = 1; reached.size > 0; depth += 1) {
    const next = new Map<string, number>();
    const via = new Map<string, string[]>();
    const stillOpen: AgentRecord[] = [];
    for (const record of open) {
      const upstreams = record.upstream_agent_ids.filter(
        (upstream) => (reached.get(upstream) ?? Infinity) <= record.occurred_at,
      );
      if (upstreams.length === 0) {
        stillOpen.push(record);
        continue;
      }
      const { agent_id: agent } = record;
      next.set(agent, Math.min(next.get(agent) ?? Infinity, record.occurred_at));
      via.set(agent, [...(via.get(agent) ?? []), ...upstreams]);
    }
    for (const [agent, upstreams] of via) {
      if (!exposures.has(agent) && !found.has(agent)) found.set(agent, { agent, depth, via: sortedIds(upstreams) });
    }
    reached = next;
    open = stillOpen;
  }
  return [...found.values()].sort((a, b) => compareUtf8(a.agent, b.agent));
}
