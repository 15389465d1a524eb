import type { AgentRecord } from '../../schemas/types.generated.js';
import type { Stream } from '../shared/core/record.js';
import { agentNames, agentStories, type AgentsTold } from './agents.js';
import {
  agentsExpectation,
  incidentExpectations,
  proofExpectation,
  requestExpectations,
  timelineExpectations,
  windowsExpectation,
} from './expected.js';
import {
  alertsExpectation,
  classOf,
  moneyCounts,
  paymentExpectations,
  paymentsExpectation,
  taintExpectation,
  total,
  type LogOrder,
} from './expected-money.js';
import type { ModelPlan, Storyteller } from './network.js';
import { pay, type Payment, type PaymentFate } from './payments.js';
import { ProofMaker, type Proven } from './proofs.js';
import { seededRandom } from './random.js';
import type { Request } from './request.js';
import { disorderOf, sending, type Disorder, type Sending, type TrailRecord } from './sending.js';
import { castSessions, makeLooseRequest, makeSession, type AgentNames, type Session } from './sessions.js';
import { riskStory, sentimentStory, volatilityStory } from './stories-flagged.js';
import { forecastStory, gatewayStory } from './stories-other.js';
import type { Expectation, RequestTruth, Truth } from './truth.js';

/** Everything of the story has happened this long after its start. */
export const STORY_MS = 420 * 60_000;
/** With fewer, there is no room for the parts that the story cannot do without. */
export const EVENTS_MIN = 1000;

export interface TrafficOptions {
  /** How many records, exactly. */
  readonly events: number;
  readonly seed: number;
  /** When the story starts. It should be over when it is sent: `startMs + STORY_MS` in the past. */
  readonly startMs: number;
}

export interface Traffic {
  /** In send order. The log must keep the order of each release record against everything before and after it. */
  readonly records: readonly TrailRecord[];
  readonly truth: Truth;
}

const LAST_SESSION_MINUTE = 350;
const END_MINUTE = 400;

/** The same options give the same records and the same truth, for ever. Ids of different seeds or starts never meet. */
export function generateTraffic({ events, seed, startMs }: TrafficOptions): Traffic {
  if (events < EVENTS_MIN) throw new RangeError(`the story needs at least ${EVENTS_MIN} events, not ${events}`);
  const run = `${seed.toString(36)}-${Math.floor(startMs / 1000).toString(36)}`;
  const at = (minute: number): number => Math.round(startMs + minute * 60_000) * 1000;
  const teller: Storyteller = { run, at, endOfStory: at(END_MINUTE), random: seededRandom(`${seed}/${startMs}`) };
  const models = [volatilityStory, gatewayStory, forecastStory, sentimentStory, riskStory].map((tell) => tell(teller));
  return new TrafficMaker(teller, models, events).make();
}

/** What is paid in the scenes of the story, in turn: so that each kind is there, however few the events. */
const CAST_FATES: readonly PaymentFate[] = [
  'session',
  'allocated',
  'late',
  'refunded',
  'with a fee',
  'session',
  'ghost',
  'allocated without amounts',
  'over-allocated',
  'reversed',
  'open',
];

class TrafficMaker {
  readonly #sendings: Sending[] = [];
  readonly #requests: Request[] = [];
  readonly #payments: Payment[] = [];
  readonly #proofs = new Map<string, Proven>();
  readonly #orphans: Expectation[] = [];
  readonly #proofMaker: ProofMaker;

  constructor(
    private readonly teller: Storyteller,
    private readonly models: readonly ModelPlan[],
    private readonly events: number,
  ) {
    this.#proofMaker = new ProofMaker(teller.random, teller.endOfStory);
  }

  make(): Traffic {
    const { teller, models, events } = this;
    const agentsPerModel = Math.min(60, Math.max(14, Math.floor(events / 1500)));
    const names = agentNames(teller, models, agentsPerModel);
    for (const model of models) {
      for (const { record, sendAt } of model.log) this.#sendings.push({ stream: 'releases', record, sendAt });
    }
    for (const [i, session] of castSessions(teller, models, names).entries()) {
      this.#play(session, CAST_FATES[i % CAST_FATES.length]);
    }
    this.#addOrphanProofs();
    const reserve = Math.ceil(events * 0.015) + 6 * agentsPerModel + 60;
    while (this.#sendings.length < events - reserve) this.#play(this.#anySession(names));
    const story = agentStories(teller, models, { names, requests: this.#requests });
    for (const record of story.records) this.#send({ stream: 'agents', record });
    for (const record of this.#quietChanges(names)) this.#send({ stream: 'agents', record });
    const disorder = disorderOf(teller, this.#sendings);
    this.#sendings.push(...disorder.sendings);
    this.#fillUp();
    return this.#finish(story.told, disorder);
  }

  #send(item: TrailRecord, prompt = false): void {
    this.#sendings.push(sending(this.teller, item, { prompt }));
  }

  #play(session: Session, fate?: PaymentFate): void {
    const payment = pay(this.teller, session, fate);
    const prompt = session.cast || payment?.prompt === true;
    for (const request of session.requests) {
      this.#requests.push(request);
      this.#send({ stream: 'inferences', record: request.record }, prompt);
      const { records, expected } = this.#proofMaker.prove(request);
      this.#proofs.set(request.record.inference_id, expected);
      for (const record of records) this.#send({ stream: 'proofs', record });
    }
    if (payment === null) return;
    this.#payments.push(payment);
    for (const record of payment.records) this.#send({ stream: 'payments', record }, prompt);
  }

  #anySession(names: AgentNames): Session {
    const { random, at } = this.teller;
    const weights = Object.fromEntries(this.models.map((model, i) => [i, model.weight]));
    const model = this.models[Number(random.weighted(weights))] as ModelPlan;
    const from = at(random.between(1, LAST_SESSION_MINUTE)) + random.below(60_000) * 1000;
    return makeSession(this.teller, {
      model,
      agent: random.pick(names.home(model)),
      from,
      count: random.between(1, 9),
    });
  }

  /** Two proofs of requests that nobody ever reports. */
  #addOrphanProofs(): void {
    for (const minute of [70, 210]) {
      const at = this.teller.at(minute);
      const { inference, record } = this.#proofMaker.orphan(at, 'ZKML');
      this.#send({ stream: 'proofs', record });
      const proven: Proven = { path: 'ZKML', state: 'verified', verifiedAt: at, unverifiableSince: null };
      this.#orphans.push(proofExpectation(inference, proven, false));
    }
  }

  /** Agents of the model that nothing happens to go on changing, as agents do. */
  *#quietChanges(names: AgentNames): Generator<AgentRecord> {
    const { random, at } = this.teller;
    const model = this.models.find(({ flag }) => flag === null) as ModelPlan;
    const count = Math.floor(this.events * 0.01);
    for (let i = 0; i < count; i += 1) {
      yield {
        event_id: `agt-${random.hex(12).slice(2)}`,
        occurred_at: at(random.between(5, LAST_SESSION_MINUTE)),
        source: 'agent-runtime',
        source_ref: null,
        agent_id: random.pick(names.home(model)),
        change_id: `chg-${random.hex(8).slice(2)}`,
        action: random.chance(0.8) ? 'CHANGED' : 'ACKNOWLEDGED',
        kind: random.pick(['PROMPT', 'MEMORY', 'TOOLSET']),
        model_id: model.id,
        before_digest: random.hex(16),
        after_digest: random.hex(16),
        caused_by: [],
        upstream_agent_ids: [],
        reverts_change_id: null,
      };
    }
  }

  #fillUp(): void {
    const quiet = this.models.find(({ flag }) => flag === null) as ModelPlan;
    if (this.#sendings.length > this.events) throw new RangeError(`${this.events} events are too few for the story`);
    while (this.#sendings.length < this.events) {
      const request = makeLooseRequest(this.teller, quiet);
      this.#requests.push(request);
      this.#proofs.set(request.record.inference_id, {
        path: null,
        state: 'none',
        verifiedAt: null,
        unverifiableSince: null,
      });
      this.#send({ stream: 'inferences', record: request.record });
    }
  }

  #finish(told: readonly AgentsTold[], disorder: Disorder): Traffic {
    const sorted = this.#sendings.toSorted((a, b) => a.sendAt - b.sendAt);
    // A copy of a record is the same object: what counts is where the first one stands.
    const places = new Map<object, number>();
    for (const [i, { record }] of sorted.entries()) if (!places.has(record)) places.set(record, i);
    const order: LogOrder = (record) => places.get(record) ?? -1;
    const sent: Record<Stream, number> = { releases: 0, inferences: 0, proofs: 0, payments: 0, agents: 0 };
    for (const { stream } of sorted) sent[stream] += 1;
    const flagged = this.models.filter(({ flag }) => flag !== null);
    return {
      records: sorted.map(({ stream, record }) => ({ stream, record }) as TrailRecord),
      truth: {
        run: this.teller.run,
        models: this.models.map(({ id }) => id),
        flagged: flagged.map(({ id, flag }) => ({ model: id, release: flag?.release ?? '' })),
        expectations: this.#expectations(told, order),
        requests: new Map(this.#requests.map((request) => [request.record.inference_id, requestTruth(request)])),
        unknown: this.#unknown(),
        sent,
        refused: disorder.refused,
        duplicates: disorder.duplicates,
        contradictions: disorder.contradictions,
      },
    };
  }

  #expectations(told: readonly AgentsTold[], order: LogOrder): Expectation[] {
    const requests = this.#requests;
    const payments = this.#payments;
    return [
      ...this.models.flatMap((model) => [
        ...timelineExpectations(model),
        windowsExpectation(model),
        ...incidentExpectations(model),
        alertsExpectation(model, { requests, payments, order }),
      ]),
      ...told.flatMap((each) => {
        const { model } = each;
        const numbers = model.activations.filter(({ release }) => release === model.flag?.release);
        return [
          agentsExpectation(each),
          taintExpectation(model, requests, payments),
          paymentsExpectation(model, null, payments),
          ...numbers.map(({ activation }) => paymentsExpectation(model, activation, payments)),
        ];
      }),
      ...requestExpectations(requests, this.#proofs),
      ...this.#orphans,
      ...paymentExpectations(payments),
    ];
  }

  #unknown(): Truth['unknown'] {
    const count = (status: RequestTruth['status']): number =>
      this.#requests.filter(({ expected }) => expected.status === status).length;
    const settled = this.#payments.filter(moneyCounts);
    const nameless = settled.flatMap(({ parts }) => parts).filter((part) => classOf(part) === 'unattributed');
    return {
      ambiguous: count('ambiguous'),
      unattributed: count('unattributed'),
      pending: [...this.#proofs.values()].filter(({ state }) => state === 'pending').length,
      waiting: this.#payments.filter(({ waiting }) => waiting).length,
      unattributedAmount: settled.reduce((sum, { remainder }) => sum + remainder, total(nameless)),
    };
  }
}

function requestTruth({ expected }: Request): RequestTruth {
  const { status, release, activation, phase } = expected;
  return { status, release, activation, phase };
}
