import { activationOf, placementOf, sharesAt, type ModelPlan, type Storyteller } from './network.js';
import { makeRequest, UNPUBLISHED_RELEASE, type Evidence, type Request, type RequestPlan } from './request.js';

/** The requests that one payment session covers. Everything a session needs to be paid is known when it is made. */
export interface Session {
  readonly id: string;
  readonly model: ModelPlan;
  readonly agent: string;
  readonly requests: readonly Request[];
  /** Sessions of the story are sent on time, so that what they are there to show does not depend on luck. */
  readonly cast: boolean;
}

export interface SessionPlan {
  readonly model: ModelPlan;
  readonly agent: string;
  readonly from: number;
  readonly count: number;
  /** Where the story wants a certain release and certain evidence; otherwise both are left to chance. */
  readonly servedBy?: string | null;
  readonly evidence?: Evidence;
  readonly clockErrorMs?: number;
  readonly nearBoundary?: boolean;
}

const SECOND = 1_000_000;
const MS = 1000;
/** Requests keep this far from every change of their model, except where the story is about the boundary itself. */
const CLEARANCE = 10 * SECOND;
const COST_STEP = 10n ** 14n;
const SHARE_WITH_COSTS = 0.8;

export function makeSession(teller: Storyteller, plan: SessionPlan): Session {
  const { random } = teller;
  const id = `x402-${random.hex(16).slice(2)}`;
  const priced = random.chance(SHARE_WITH_COSTS);
  const edges = edgesOf(plan.model);
  const requests: Request[] = [];
  let at = plan.from;
  for (let i = 0; i < plan.count; i += 1) {
    if (plan.nearBoundary !== true) at = clearOf(edges, at);
    const cost = priced ? BigInt(random.between(1, 400)) * COST_STEP + BigInt(random.below(1_000_000_000)) : null;
    const served = plan.servedBy === undefined ? chooseRelease(teller, plan.model, at) : plan;
    requests.push(
      makeRequest(random, {
        model: plan.model,
        at,
        servedBy: served.servedBy ?? null,
        evidence: served.evidence ?? 'nothing',
        agent: plan.agent,
        session: id,
        cost,
        ...(plan.clockErrorMs === undefined ? {} : { clockErrorMs: plan.clockErrorMs }),
        ...(plan.nearBoundary === undefined ? {} : { nearBoundary: plan.nearBoundary }),
      }),
    );
    at += random.between(4000, 60_000) * MS;
  }
  return { id, model: plan.model, agent: plan.agent, requests, cast: plan.servedBy !== undefined };
}

/** A request outside any session, by nobody in particular, about which nothing is in doubt. */
export function makeLooseRequest(teller: Storyteller, model: ModelPlan): Request {
  const at = clearOf(edgesOf(model), teller.at(teller.random.between(2, 350)) + teller.random.below(60_000) * MS);
  const { servedBy } = chooseRelease(teller, model, at);
  return makeRequest(teller.random, { model, at, servedBy, evidence: 'blob', agent: null, session: null, cost: null });
}

function chooseRelease(teller: Storyteller, model: ModelPlan, at: number): Pick<RequestPlan, 'servedBy' | 'evidence'> {
  const { random } = teller;
  for (const { release, until, share } of model.stragglers) {
    if (at >= until || placementOf(model, release, at).phase !== 'stale' || !random.chance(share)) continue;
    return { servedBy: release, evidence: random.pick(strongEvidence(model)) };
  }
  const shares = sharesAt(model, at);
  if (Object.keys(shares).length === 0) return { servedBy: null, evidence: 'nothing' };
  const servedBy = random.weighted(shares);
  const canary = Object.keys(shares).length > 1;
  return { servedBy, evidence: random.weighted(evidenceWeights(model, servedBy, canary)) as Evidence };
}

/** Evidence that tells the release whatever the traffic split says. */
export function strongEvidence(model: ModelPlan): readonly Evidence[] {
  return model.proxied ? ['target', 'target+claim'] : ['blob', 'blob+claim', 'claim'];
}

function evidenceWeights(
  model: ModelPlan,
  servedBy: string,
  canary: boolean,
): Readonly<Partial<Record<Evidence, number>>> {
  if (model.proxied) return { target: 60, 'target+claim': 20, nothing: 19, 'wrong claim': 1 };
  // The scorer's nodes hardly report anything: its canary is the story of what cannot be known.
  if (model.id.startsWith('loan-risk'))
    return canary ? { nothing: 75, claim: 25 } : { blob: 40, claim: 20, nothing: 40 };
  if (model.releases.get(servedBy)?.sharedBlob != null) {
    return { blob: 40, 'shared blob': 25, 'shared blob+claim': 20, nothing: 15 };
  }
  return { blob: 50, 'blob+claim': 20, claim: 12, nothing: 16, 'wrong claim': 1, 'unknown blob': 1 };
}

/**
 * The sessions that make every part of the story come true, however few the events: first exposures of the agents whose
 * fate is told, stragglers, requests in an outage, before any traffic, ahead of it, and at the very boundary.
 */
export function castSessions(teller: Storyteller, models: readonly ModelPlan[], agents: AgentNames): Session[] {
  const { random, at } = teller;
  const sessions: Session[] = [];
  const play = (model: ModelPlan, minute: number, plan: Omit<SessionPlan, 'model' | 'from'>): void => {
    sessions.push(makeSession(teller, { model, from: at(minute), ...plan }));
  };
  for (const model of models) {
    if (model.flag === null) continue;
    const { from, to } = activationOf(model, model.flag.release, 1);
    const length = ((to ?? from) - from) / (at(1) - at(0));
    const startMinute = (from - at(0)) / (at(1) - at(0));
    const servedBy = model.flag.release;
    for (const [i, agent] of agents.cast(model).entries()) {
      const evidence = random.pick(strongEvidence(model));
      play(model, startMinute + length * (0.35 + 0.02 * i), { agent, count: random.between(1, 3), servedBy, evidence });
    }
    const straggler = model.stragglers[0];
    if (straggler === undefined) continue;
    for (const agent of agents.late(model)) {
      const evidence = random.pick(strongEvidence(model));
      play(model, startMinute + length + random.between(8, 12), { agent, count: 2, servedBy, evidence });
    }
  }
  const [volatility, gateway, forecast, , risk] = models as [ModelPlan, ModelPlan, ModelPlan, ModelPlan, ModelPlan];
  const [visitor = '', other = ''] = agents.home(volatility);
  const [client = '', second = ''] = agents.home(gateway);
  const [desk = ''] = agents.home(forecast);
  const [lender = ''] = agents.home(risk);
  play(gateway, 150, { agent: visitor, count: 2, servedBy: 'gw-1.9.0', evidence: 'target' });
  play(gateway, 108, { agent: client, count: 2, servedBy: 'gw-1.9.0', evidence: 'late target' });
  play(gateway, 116, { agent: second, count: 1, servedBy: 'gw-1.9.0', evidence: 'late target' });
  play(gateway, 191, { agent: second, count: 3, servedBy: null, evidence: 'nothing' });
  play(gateway, 291, { agent: client, count: 2, servedBy: 'gw-1.9.0', evidence: 'target+claim' });
  play(risk, 2, { agent: lender, count: 2, servedBy: null, evidence: 'nothing' });
  play(forecast, 206, { agent: desk, count: 2, servedBy: 'r9', evidence: 'blob' });
  play(volatility, 40, { agent: other, count: 2, servedBy: UNPUBLISHED_RELEASE, evidence: 'unpublished' });
  const edge = { agent: visitor, count: 1, evidence: 'blob', clockErrorMs: 2000, nearBoundary: true } as const;
  play(volatility, 120 - 1.5 / 60, { ...edge, servedBy: 'v1.4.0' });
  play(volatility, 168 + 0.75 / 60, { ...edge, servedBy: 'v1.4.0' });
  return sessions;
}

/** Who there is, model by model. Those of the story come first, because the story must not depend on chance. */
export interface AgentNames {
  /** Everybody who uses the model. */
  home(model: ModelPlan): readonly string[];
  /** Those who meet the bad release while it is active. */
  cast(model: ModelPlan): readonly string[];
  /** Those who meet it only through a straggler. */
  late(model: ModelPlan): readonly string[];
}

const edgesByModel = new WeakMap<ModelPlan, readonly number[]>();

function edgesOf(model: ModelPlan): readonly number[] {
  const known = edgesByModel.get(model);
  if (known) return known;
  const edges = [
    ...model.segments.map(({ from }) => from),
    ...model.bindings.flatMap(({ from, to, unboundAt }) => [from, to, unboundAt]),
    model.flag?.from,
    model.flag?.until,
    ...model.stragglers.map(({ until }) => until),
  ].filter((edge): edge is number => edge != null);
  const sorted = [...new Set(edges)].sort((a, b) => a - b);
  edgesByModel.set(model, sorted);
  return sorted;
}

function clearOf(edges: readonly number[], at: number): number {
  const near = edges.findLast((edge) => Math.abs(edge - at) < CLEARANCE);
  return near === undefined ? at : near + CLEARANCE + 2 * SECOND;
}
