import type { AgentAction, AgentKind, AgentRecord } from '../../schemas/types.generated.js';
import { activationOf, type ModelPlan, type Storyteller } from './network.js';
import type { Request } from './request.js';
import type { AgentNames } from './sessions.js';

/** The answer to `agents` about the first activation of a flagged release, times in microseconds. */
export interface AgentsTold {
  readonly model: ModelPlan;
  readonly changed: string[];
  readonly delayed: string[];
  readonly persisting: string[];
  readonly reverted: { agent: string; at: number }[];
  readonly relapsed: { agent: string; at: number }[];
  readonly unknown: string[];
  readonly excluded: { agent: string; reason: string }[];
  readonly secondary: { agent: string; depth: number; via: string[] }[];
}

type Fate = 'persists' | 'reverts' | 'goes back' | 'relapses' | 'undocumented' | 'delayed' | 'before' | 'indifferent';

/** The first agents of the cast, in this order; chance decides about everybody else. */
const CAST_FATES: readonly Fate[] = [
  'persists',
  'reverts',
  'goes back',
  'relapses',
  'undocumented',
  'delayed',
  'before',
  'indifferent',
];
const OTHER_FATES: Readonly<Record<Fate, number>> = {
  persists: 8,
  reverts: 5,
  'goes back': 3,
  relapses: 2,
  undocumented: 2,
  delayed: 6,
  before: 4,
  indifferent: 70,
};
const KINDS: readonly AgentKind[] = ['PROMPT', 'POLICY', 'TOOLSET', 'MEMORY', 'STRATEGY', 'MODEL_PIN'];
const CAST_SIZE = CAST_FATES.length;
const LATE_SIZE = 2;
const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
/** An agent that meets the release with less time than this left does not get round to changing before its end. */
const TIME_TO_CHANGE = 3 * MINUTE;

const TRADES: Readonly<Record<string, readonly string[]>> = {
  proxied: ['support', 'research', 'copywriter', 'triage'],
  other: ['hedger', 'market-maker', 'vault-keeper', 'rebalancer', 'underwriter'],
};

export function agentNames(teller: Storyteller, models: readonly ModelPlan[], perModel: number): AgentNames {
  const homes = new Map<ModelPlan, string[]>();
  for (const [i, model] of models.entries()) {
    const trades = TRADES[model.proxied ? 'proxied' : 'other'] ?? [];
    const size = Math.max(perModel, CAST_SIZE + LATE_SIZE + 4);
    const names = Array.from(
      { length: size },
      (_, n) => `${teller.random.pick(trades)}-${i + 1}${pad(n)}-${teller.run}`,
    );
    homes.set(model, names);
  }
  const home = (model: ModelPlan): string[] => homes.get(model) ?? [];
  return {
    // The cast must not meet the release by chance before its scene: it is not among those who drop in.
    home: (model) => home(model).slice(CAST_SIZE + LATE_SIZE),
    cast: (model) => home(model).slice(0, CAST_SIZE),
    late: (model) => home(model).slice(CAST_SIZE, CAST_SIZE + LATE_SIZE),
  };
}

function pad(n: number): string {
  return n.toString().padStart(3, '0');
}

/** Times at which each agent met the flagged release, by what is known in the end. */
function exposuresOf(model: ModelPlan, requests: Iterable<Request>): Map<string, Request[]> {
  const met = new Map<string, Request[]>();
  for (const request of requests) {
    const { expected, record } = request;
    if (request.model !== model || record.agent_id === null) continue;
    if (expected.release !== model.flag?.release || expected.activation !== 1) continue;
    met.set(record.agent_id, [...(met.get(record.agent_id) ?? []), request]);
  }
  for (const list of met.values()) list.sort((a, b) => a.record.occurred_at - b.record.occurred_at);
  return met;
}

export interface AgentStory {
  readonly records: readonly AgentRecord[];
  readonly told: readonly AgentsTold[];
}

/** Who changed because of what: decided here, told by records, and written down as the answer. */
export function agentStories(
  teller: Storyteller,
  models: readonly ModelPlan[],
  { names, requests }: { names: AgentNames; requests: readonly Request[] },
): AgentStory {
  const writer = new AgentWriter(teller);
  const flagged = models.filter((model) => model.flag !== null);
  const exposures = new Map(flagged.map((model) => [model, exposuresOf(model, requests)]));
  const told = flagged.map((model) => {
    const met = exposures.get(model) ?? new Map<string, Request[]>();
    const answer = emptyAnswer(model);
    const castFates = new Map(names.cast(model).map((agent, i) => [agent, CAST_FATES[i] ?? 'indifferent']));
    for (const [agent, seen] of met) {
      const fate = castFates.get(agent) ?? (teller.random.weighted(OTHER_FATES) as Fate);
      playFate(writer, answer, { agent, seen, fate });
    }
    const elsewhere = new Set(
      flagged.flatMap((other) => (other === model ? [] : [...(exposures.get(other)?.keys() ?? [])])),
    );
    const sources = [...met].filter(([agent]) => castFates.has(agent) && !elsewhere.has(agent));
    playDownstream(
      writer,
      answer,
      sources.map(([agent, seen]) => ({ agent, metAt: seen[0]?.record.occurred_at ?? 0 })),
    );
    return answer;
  });
  return { records: writer.records, told };
}

function emptyAnswer(model: ModelPlan): AgentsTold {
  return {
    model,
    changed: [],
    delayed: [],
    persisting: [],
    reverted: [],
    relapsed: [],
    unknown: [],
    excluded: [],
    secondary: [],
  };
}

function playFate(
  writer: AgentWriter,
  answer: AgentsTold,
  { agent, seen, fate: wanted }: { agent: string; seen: readonly Request[]; fate: Fate },
): void {
  const { random } = writer.teller;
  const { model } = answer;
  const end = activationOf(model, model.flag?.release ?? '', 1).to ?? 0;
  const [firstMet] = seen;
  if (firstMet === undefined) return;
  const metAt = firstMet.record.occurred_at;
  const inTime = metAt + TIME_TO_CHANGE < end;
  const fate = inTime || wanted === 'delayed' || wanted === 'before' ? wanted : 'indifferent';
  const scene = writer.scene(agent, model);
  if (fate === 'indifferent') {
    answer.excluded.push({ agent, reason: 'NO_CHANGE' });
    return;
  }
  if (fate === 'before') {
    // Shortly before it met the release, and never more than an hour before the release came.
    scene.change(metAt - random.between(10, 50) * SECOND);
    answer.excluded.push({ agent, reason: 'CHANGE_PRECEDES_EXPOSURE' });
    return;
  }
  if (fate === 'delayed') {
    scene.change(Math.max(end, metAt) + random.between(6, 45) * MINUTE);
    answer.delayed.push(agent);
    return;
  }
  const changedAt = metAt + Math.floor((end - metAt) * (0.2 + 0.5 * random.fraction()));
  const cause = random.chance(0.6) ? seen.filter((request) => request.record.occurred_at <= changedAt).slice(-1) : [];
  scene.change(changedAt, { causes: cause, documented: fate !== 'undocumented' });
  answer.changed.push(agent);
  const backAt = end + random.between(5, 25) * MINUTE;
  if (fate === 'persists') answer.persisting.push(agent);
  else if (fate === 'undocumented') answer.unknown.push(agent);
  else {
    if (fate === 'goes back') scene.goBack(backAt);
    else scene.revert(backAt);
    if (fate === 'relapses')
      answer.relapsed.push({ agent, at: scene.relapse(backAt + random.between(5, 20) * MINUTE) });
    else answer.reverted.push({ agent, at: backAt });
  }
}

/**
 * Agents that never used the model, but the output of those who did: at first and at second hand. One of them listened
 * before there was anything to hear; one changed by itself.
 */
function playDownstream(
  writer: AgentWriter,
  answer: AgentsTold,
  sources: readonly { agent: string; metAt: number }[],
): void {
  const { random, run } = writer.teller;
  const { model } = answer;
  const { from, to } = activationOf(model, model.flag?.release ?? '', 1);
  const [a, b] = sources.toSorted((x, y) => x.metAt - y.metAt);
  if (a === undefined || b === undefined) return;
  const tag = `${random.hex(2).slice(2)}-${run}`;
  const [reader, digest, second, early, loner] = [
    `reader-${tag}`,
    `digest-${tag}`,
    `brief-${tag}`,
    `early-${tag}`,
    `loner-${tag}`,
  ];
  const heardAt = b.metAt + 2 * MINUTE;
  writer.scene(reader, null).acknowledge(heardAt, [a.agent]);
  writer.scene(digest, null).acknowledge(heardAt + MINUTE, [b.agent, a.agent]);
  writer.scene(second, null).acknowledge(heardAt + 4 * MINUTE, [reader]);
  writer.scene(early, null).acknowledge(a.metAt - 5 * MINUTE, [a.agent]);
  writer.scene(loner, model).change(from + Math.floor(((to ?? from) - from) / 2));
  answer.secondary.push(
    { agent: reader, depth: 1, via: [a.agent] },
    { agent: digest, depth: 1, via: [a.agent, b.agent].sort() },
    { agent: second, depth: 2, via: [reader] },
  );
  answer.excluded.push({ agent: loner, reason: 'NOT_EXPOSED' });
}

/** Writes the agent records of the whole story. */
class AgentWriter {
  readonly records: AgentRecord[] = [];

  constructor(readonly teller: Storyteller) {}

  scene(agent: string, model: ModelPlan | null): Scene {
    return new Scene(this, agent, model?.id ?? null);
  }

  write(record: AgentRecord): void {
    this.records.push(record);
  }
}

/** One agent's doings about one model. */
class Scene {
  readonly #kind: AgentKind;
  readonly #changeId: string;
  readonly #before: string;
  readonly #after: string;

  constructor(
    private readonly writer: AgentWriter,
    private readonly agent: string,
    private readonly modelId: string | null,
  ) {
    const { random } = writer.teller;
    this.#kind = random.pick(KINDS);
    this.#changeId = `chg-${random.hex(8).slice(2)}`;
    this.#before = random.hex(16);
    this.#after = random.hex(16);
  }

  change(
    at: number,
    { causes = [], documented = true }: { causes?: readonly Request[]; documented?: boolean } = {},
  ): void {
    this.#write('CHANGED', at, {
      change_id: this.#changeId,
      before_digest: documented ? this.#before : null,
      after_digest: this.#after,
      caused_by: causes.map((request) => request.record.inference_id),
    });
  }

  /** Says that the change is taken back, and nothing more. */
  revert(at: number): void {
    this.#write('REVERTED', at, { reverts_change_id: this.#changeId });
  }

  /** Another change, to what was there before. */
  goBack(at: number): void {
    this.#write('CHANGED', at, { before_digest: this.#after, after_digest: this.#before });
  }

  relapse(at: number): number {
    this.#write('CHANGED', at, { before_digest: this.#before, after_digest: this.#after });
    return at;
  }

  acknowledge(at: number, upstream: readonly string[]): void {
    this.#write('ACKNOWLEDGED', at, { upstream_agent_ids: [...upstream] });
  }

  #write(action: AgentAction, at: number, fields: Partial<AgentRecord>): void {
    const { random } = this.writer.teller;
    this.writer.write({
      event_id: `agt-${random.hex(12).slice(2)}`,
      occurred_at: Math.floor(at / 1000) * 1000,
      source: 'agent-runtime',
      source_ref: null,
      agent_id: this.agent,
      change_id: `chg-${random.hex(8).slice(2)}`,
      action,
      kind: this.#kind,
      model_id: this.modelId,
      before_digest: null,
      after_digest: null,
      caused_by: [],
      upstream_agent_ids: [],
      reverts_change_id: null,
      ...fields,
    });
  }
}
