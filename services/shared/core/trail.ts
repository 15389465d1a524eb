import type { AgentFact, InferenceFact, PaymentFact, ProofFact, ReleaseFact } from './record.js';
import { DELAY_MICROS } from './agents.js';
import { attribute, type InferenceVerdict } from './attribution.js';
import { groupBy } from './group.js';
import { firstCopies, firstInferences } from './identity.js';
import { paymentOf, splitPayment, type Inferences, type Payment, type PaymentSplit } from './payment.js';
import { compareUtf8 } from './order.js';
import { PROOF_DEADLINE_MICROS } from './proof.js';
import { ReleaseLog, type ModelView } from './release-log.js';
import { judge, type Judgement } from './taint.js';
import type { Activation } from './timeline.js';

/** Every record of the five topics, duplicates included; or those that an answer can depend on. */
export interface Records {
  readonly releases: readonly ReleaseFact[];
  readonly inferences: readonly InferenceFact[];
  readonly proofs: readonly ProofFact[];
  readonly payments: readonly PaymentFact[];
  readonly agents: readonly AgentFact[];
}

/** What SPEC 6 lets an operator configure. */
export interface TrailSettings {
  readonly proofDeadlineMicros: number;
  readonly agentDelayMicros: number;
}

export const DEFAULT_SETTINGS: TrailSettings = {
  proofDeadlineMicros: PROOF_DEADLINE_MICROS,
  agentDelayMicros: DELAY_MICROS,
};

/** The records as known at K, joined: every value is computed when first asked for, then kept. */
export class Trail implements Inferences {
  readonly knownAtMs: number;
  readonly settings: TrailSettings;
  readonly releases: ReleaseLog;
  readonly inferences: ReadonlyMap<string, InferenceFact>;
  readonly proofs: ReadonlyMap<string, readonly ProofFact[]>;
  readonly paymentFacts: ReadonlyMap<string, readonly PaymentFact[]>;
  readonly agents: readonly AgentFact[];
  readonly #sessions: ReadonlyMap<string | null, readonly InferenceFact[]>;
  readonly #models: ReadonlyMap<string, readonly InferenceFact[]>;
  readonly #verdicts = new Map<string, InferenceVerdict>();
  readonly #judgements = new Map<string, Judgement>();
  readonly #payments = new Map<string, Payment>();
  readonly #splits = new Map<string, PaymentSplit>();

  /** Copies that do not count are dropped here; what was appended after K is not there. */
  static of(records: Records, knownAtMs: number, settings = DEFAULT_SETTINGS): Trail {
    const known = <T extends { position: { appendedAtMs: number } }>(facts: readonly T[]): T[] =>
      facts.filter((fact) => fact.position.appendedAtMs <= knownAtMs);
    return new Trail(knownAtMs, settings, {
      releases: known(records.releases),
      inferences: firstCopies(known(records.inferences)).counting,
      proofs: firstCopies(known(records.proofs)).counting,
      payments: firstCopies(known(records.payments)).counting,
      agents: firstCopies(known(records.agents)).counting,
    });
  }

  private constructor(knownAtMs: number, settings: TrailSettings, counting: Records) {
    this.knownAtMs = knownAtMs;
    this.settings = settings;
    this.releases = ReleaseLog.of(counting.releases);
    this.inferences = firstInferences(counting.inferences);
    this.proofs = groupBy(counting.proofs, (fact) => fact.record.inference_id);
    this.paymentFacts = groupBy(counting.payments, (fact) => fact.record.payment_id);
    this.agents = counting.agents;
    this.#sessions = groupBy(this.inferences.values(), (fact) => fact.record.session_id);
    this.#models = groupBy(this.inferences.values(), (fact) => fact.record.model_id);
  }

  byId(inferenceId: string): InferenceFact | undefined {
    return this.inferences.get(inferenceId);
  }

  bySession(sessionId: string): readonly InferenceFact[] {
    return this.#sessions.get(sessionId) ?? [];
  }

  ofModel(modelId: string): readonly InferenceFact[] {
    return this.#models.get(modelId) ?? [];
  }

  view(modelId: string): ModelView {
    return this.releases.model(modelId).asOf(this.knownAtMs);
  }

  verdict(fact: InferenceFact): InferenceVerdict {
    const { inference_id: id, model_id: modelId } = fact.record;
    return memo(this.#verdicts, id, () => attribute(fact.record, this.view(modelId)));
  }

  judgement(fact: InferenceFact): Judgement {
    const { inference_id: id, model_id: modelId } = fact.record;
    return memo(this.#judgements, id, () => judge(fact.record, this.verdict(fact), this.view(modelId)));
  }

  payment(paymentId: string): Payment | null {
    const facts = this.paymentFacts.get(paymentId);
    return facts === undefined ? null : memo(this.#payments, paymentId, () => paymentOf(facts));
  }

  get payments(): Payment[] {
    return [...this.paymentFacts.keys()].flatMap((id) => this.payment(id) ?? []);
  }

  split(payment: Payment): PaymentSplit {
    return memo(this.#splits, payment.paymentId, () => splitPayment(payment, this));
  }
}

/** Every activation of a model, by (from, release). */
export function activationsOf(trail: Trail, model: string): Activation[] {
  return [...trail.view(model).timeline.activations.values()]
    .flat()
    .sort((a, b) => a.from - b.from || compareUtf8(a.release, b.release));
}

function memo<V>(kept: Map<string, V>, key: string, compute: () => V): V {
  let value = kept.get(key);
  if (value === undefined) {
    value = compute();
    kept.set(key, value);
  }
  return value;
}
