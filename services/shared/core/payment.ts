import type {
  InferenceRecord,
  PaymentAllocation,
  PaymentRecord,
  PaymentState,
} from '../../../schemas/types.generated.js';
import { compareEventOrder, compareLogOrder, compareUtf8 } from './order.js';
import type { Fact, PaymentFact } from './record.js';
import { splitByWeight, type Share } from './split.js';

/** What one payment says, as known at one moment (SPEC 6, Payments), before anything is linked. */
export interface Payment {
  readonly paymentId: string;
  readonly state: PaymentState;
  readonly asset: string;
  readonly network: string;
  readonly payer: string;
  readonly payee: string;
  readonly amount: bigint;
  readonly modelId: string | null;
  readonly sessionId: string | null;
  readonly allocations: readonly Allocation[];
  /** Event time of the earliest `SETTLED`, or null while it is not settled or after it was reversed. */
  readonly settledAt: number | null;
  /** Append time of the first `SETTLED` in log order, null with `settledAt`. */
  readonly settledAppendedAtMs: number | null;
  /** The money did move, and came back: it counts as 0 in every sum, and raises no alert. */
  readonly refunded: boolean;
}

/** One link of a payment: allocations that name an inference twice are one. */
export interface Allocation {
  readonly inferenceId: string;
  readonly amount: bigint | null;
}

export interface PaymentSplit {
  readonly payment: Payment;
  /** Sorted by inference id. */
  readonly parts: readonly PaymentPart[];
  /** What no link takes: the parts and this always sum to the amount. */
  readonly unlinked: bigint;
  readonly findings: readonly string[];
}

/** What one link takes of the amount. */
export interface PaymentPart {
  readonly inferenceId: string;
  /** Model and event time of the inference, null while no record of it is known: then the payment waits for it. */
  readonly modelId: string | null;
  readonly occurredAt: number | null;
  readonly amount: bigint;
}

/** What a payment has to know of an inference. */
export type LinkedInference = Fact<
  Pick<InferenceRecord, 'event_id' | 'inference_id' | 'session_id' | 'model_id' | 'occurred_at' | 'cost'>
>;

/** How a payment finds its inferences: by id, and those of its session when it names none. */
export interface Inferences {
  byId(inferenceId: string): LinkedInference | undefined;
  bySession(sessionId: string): readonly LinkedInference[];
}

/** @param facts the records of one payment, at least one, in any order */
export function paymentOf(facts: readonly PaymentFact[]): Payment {
  const ordered = [...facts].sort(compareEventOrder);
  const latest = (ordered.at(-1) as PaymentFact).record;
  const settled = ordered.filter((fact) => fact.record.state === 'SETTLED');
  const basis = settled[0]?.record ?? latest;
  const latestFirst = ordered.map((fact) => fact.record).reverse();
  const take = <T>(pick: (record: PaymentRecord) => T | null): T | null =>
    pick(basis) ?? latestFirst.map(pick).find((value) => value !== null) ?? null;
  const standsSettled = settled.length > 0 && !ordered.some((fact) => fact.record.state === 'REVERSED');
  return {
    paymentId: latest.payment_id,
    state: latest.state,
    asset: latest.asset,
    network: latest.network,
    payer: latest.payer,
    payee: latest.payee,
    amount: BigInt(basis.amount),
    modelId: take((record) => record.model_id),
    sessionId: take((record) => record.session_id),
    allocations: mergeAllocations(take((record) => (record.allocations.length > 0 ? record.allocations : null)) ?? []),
    settledAt: standsSettled ? basis.occurred_at : null,
    settledAppendedAtMs: standsSettled ? ([...settled].sort(compareLogOrder)[0]?.position.appendedAtMs ?? null) : null,
    refunded: ordered.some((fact) => fact.record.state === 'REFUNDED'),
  };
}

function mergeAllocations(allocations: readonly PaymentAllocation[]): Allocation[] {
  const amounts = new Map<string, bigint | null>();
  for (const { inference_id: id, amount } of allocations) {
    const sum = amounts.get(id) ?? null;
    amounts.set(id, amount === null ? sum : (sum ?? 0n) + BigInt(amount));
  }
  return [...amounts]
    .map(([inferenceId, amount]) => ({ inferenceId, amount }))
    .sort((a, b) => compareUtf8(a.inferenceId, b.inferenceId));
}

/** The links as known: the allocations, or without any every inference of the session. */
export function linksOf(payment: Payment, inferences: Inferences): readonly Allocation[] {
  if (payment.allocations.length > 0 || payment.sessionId === null) return payment.allocations;
  return inferences
    .bySession(payment.sessionId)
    .map((fact) => ({ inferenceId: fact.record.inference_id, amount: null }))
    .sort((a, b) => compareUtf8(a.inferenceId, b.inferenceId));
}

/** What the links of a payment are given, whatever is known of their inferences. */
export interface Given {
  /** Without an amount: a share of the rest. */
  readonly links: readonly Allocation[];
  readonly rest: bigint;
  readonly findings: readonly string[];
}

/** Allocations are used as given, or are the weights where they sum to more than the amount. */
export function givenTo(links: readonly Allocation[], amount: bigint): Given {
  const given = links.reduce((sum, link) => sum + (link.amount ?? 0n), 0n);
  if (given <= amount) return { links, rest: amount - given, findings: [] };
  const weights = links.map((link) => ({ id: link.inferenceId, weight: link.amount ?? 0n }));
  const shared = splitByWeight(amount, weights);
  return {
    links: links.map(({ inferenceId }) => ({ inferenceId, amount: shared.get(inferenceId) ?? 0n })),
    rest: 0n,
    findings: ['OVER_ALLOCATED'],
  };
}

/** Splits the amount over the links; the parts and `unlinked` sum to it exactly. */
export function splitPayment(payment: Payment, inferences: Inferences): PaymentSplit {
  const { links, rest, findings } = givenTo(linksOf(payment, inferences), payment.amount);
  const open = links.filter((link) => link.amount === null).map((link) => link.inferenceId);
  const shared = open.length === 0 ? new Map<string, bigint>() : splitByWeight(rest, costs(open, inferences));
  const parts = links.map(({ inferenceId, amount }): PaymentPart => {
    const known = inferences.byId(inferenceId)?.record;
    return {
      inferenceId,
      modelId: known?.model_id ?? null,
      occurredAt: known?.occurred_at ?? null,
      amount: amount ?? shared.get(inferenceId) ?? 0n,
    };
  });
  return { payment, parts, unlinked: open.length === 0 ? rest : 0n, findings };
}

/** Weights by cost when every link to be weighed has one; else equal. */
function costs(inferenceIds: readonly string[], inferences: Inferences): Share[] {
  const known = inferenceIds.map((id) => ({ id, cost: inferences.byId(id)?.record.cost ?? null }));
  const weighed = known.every(({ cost }) => cost !== null);
  return known.map(({ id, cost }) => ({ id, weight: weighed && cost !== null ? BigInt(cost) : 1n }));
}
