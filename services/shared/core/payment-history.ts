import { firstCopies, firstInferences } from './identity.js';
import { sortedIds } from './order.js';
import {
  givenTo,
  paymentOf,
  splitPayment,
  type Inferences,
  type LinkedInference,
  type Payment,
  type PaymentSplit,
} from './payment.js';
import type { PaymentFact } from './record.js';

/**
 * Everything that was ever said of a payment, in a size that grows with its records and inferences and not with their
 * product: what its own records said, and since when each inference is known. The views compute from these what was said
 * at an earlier K.
 *
 *   own       AUTHORISED ────────── SETTLED ────────────────▶
 *   linked              i2 ─────────────────── i1 ──────────▶
 *   revisions     |      |            |         |               the split changes at each of these moments
 */
export interface PaymentHistory {
  /** The greatest append time among the records it rests on. */
  readonly knownAtMs: number;
  readonly newest: PaymentSplit;
  /** Since when it waits for an inference without a break; null when it waits for none. */
  readonly waitsSinceMs: number | null;
  /** Empty, as is `linked`, when nothing else was ever said than the newest. */
  readonly own: readonly OwnRevision[];
  /** Every inference that one of `own` links to, sorted by id. */
  readonly linked: readonly Linked[];
}

/**
 * What the records of the payment itself said from a moment on. Where a product of an amount and a cost takes more than the
 * 256 bits that the views have, what was said at every other moment too, and then each link has its amount.
 */
export interface OwnRevision {
  readonly knownAtMs: number;
  readonly payment: Payment;
  readonly findings: readonly string[];
  /** Its links are those inferences of its session that are known; else they are named, known or not. */
  readonly bySession: boolean;
  /** What the links without an amount share. */
  readonly rest: bigint;
  /** One for each of `linked`. */
  readonly links: readonly Link[];
}

export interface Link {
  readonly linked: boolean;
  /** Null: a share of the rest. */
  readonly amount: bigint | null;
}

/** An inference, and since when it is known; all null while no record of it is. */
export interface Linked {
  readonly inferenceId: string;
  readonly modelId: string | null;
  readonly sessionId: string | null;
  readonly occurredAt: number | null;
  readonly cost: bigint | null;
  readonly sinceMs: number | null;
}

const NO_LINK: Link = { linked: false, amount: null };
const TOO_WIDE = 1n << 256n;

/**
 * @param facts every copy of every record of one payment, at least one
 * @param inferences the inferences that any of them names, by id or session; copies of them, too, as long as the first
 *   copy of each is among them
 */
export function paymentHistory(facts: readonly PaymentFact[], inferences: readonly LinkedInference[]): PaymentHistory {
  const counting = firstCopies(facts).counting;
  const known = new KnownInferences(firstInferences(firstCopies(inferences).counting));
  const times = [...new Set(counting.map(({ position }) => position.appendedAtMs))].sort((a, b) => a - b);
  const payments = times.map((knownAtMs) => ({
    knownAtMs,
    payment: paymentOf(counting.filter(({ position }) => position.appendedAtMs <= knownAtMs)),
  }));
  const linked = known.linkedBy(payments.map(({ payment }) => payment));
  const own = payments.map(({ knownAtMs, payment }) => ownRevision(knownAtMs, payment, linked));
  const latest = own.at(-1) as OwnRevision;
  const history = {
    knownAtMs: linked.reduce((ms, { sinceMs }) => Math.max(ms, sinceMs ?? 0), latest.knownAtMs),
    newest: splitPayment(latest.payment, known),
    waitsSinceMs: waitsSince(own, linked),
  };
  if (history.knownAtMs === times[0]) return { ...history, own: [], linked: [] };
  return { ...history, own: isWide(own, linked) ? spelledOut(own, linked, known) : own, linked };
}

class KnownInferences implements Inferences {
  readonly #sessions = new Map<string, LinkedInference[]>();

  constructor(private readonly inferences: ReadonlyMap<string, LinkedInference>) {
    for (const fact of inferences.values()) {
      const { session_id: session } = fact.record;
      if (session === null) continue;
      const own = this.#sessions.get(session);
      if (own === undefined) this.#sessions.set(session, [fact]);
      else own.push(fact);
    }
  }

  byId(id: string): LinkedInference | undefined {
    return this.inferences.get(id);
  }

  bySession(session: string): readonly LinkedInference[] {
    return this.#sessions.get(session) ?? [];
  }

  until(ms: number): KnownInferences {
    return new KnownInferences(new Map([...this.inferences].filter(([, fact]) => fact.position.appendedAtMs <= ms)));
  }

  linkedBy(payments: readonly Payment[]): Linked[] {
    const ids = payments.flatMap((payment) =>
      isBySession(payment)
        ? this.bySession(payment.sessionId ?? '').map(({ record }) => record.inference_id)
        : payment.allocations.map(({ inferenceId }) => inferenceId),
    );
    return sortedIds(ids).map((inferenceId) => {
      const fact = this.byId(inferenceId);
      const cost = fact?.record.cost ?? null;
      return {
        inferenceId,
        modelId: fact?.record.model_id ?? null,
        sessionId: fact?.record.session_id ?? null,
        occurredAt: fact?.record.occurred_at ?? null,
        cost: cost === null ? null : BigInt(cost),
        sinceMs: fact?.position.appendedAtMs ?? null,
      };
    });
  }
}

function isBySession({ allocations, sessionId }: Payment): boolean {
  return allocations.length === 0 && sessionId !== null;
}

function ownRevision(knownAtMs: number, payment: Payment, linked: readonly Linked[]): OwnRevision {
  const bySession = isBySession(payment);
  const { links, rest, findings } = givenTo(payment.allocations, payment.amount);
  const amounts = new Map(links.map(({ inferenceId, amount }) => [inferenceId, amount]));
  const linkOf = ({ inferenceId, sessionId }: Linked): Link => {
    if (bySession) return sessionId === payment.sessionId ? { linked: true, amount: null } : NO_LINK;
    const amount = amounts.get(inferenceId);
    return amount === undefined ? NO_LINK : { linked: true, amount };
  };
  return { knownAtMs, payment, findings, bySession, rest, links: linked.map(linkOf) };
}

/**
 * Inferences only become known: while its own records say the same, a payment that waits has waited all along. So it has
 * waited since the first of those of its own revisions, counted from the newest, that waited to their end.
 */
function waitsSince(own: readonly OwnRevision[], linked: readonly Linked[]): number | null {
  let since: number | null = null;
  for (let i = own.length - 1; i >= 0; i -= 1) {
    const { knownAtMs, bySession, links } = own[i] as OwnRevision;
    const endMs = own[i + 1]?.knownAtMs ?? Infinity;
    const isThere = ({ sinceMs }: Linked): boolean => sinceMs !== null && sinceMs < endMs;
    const named = linked.filter((_, at) => links[at]?.linked);
    const waits = bySession ? !named.some(isThere) : !named.every(isThere);
    if (!waits) break;
    since = knownAtMs;
  }
  return since;
}

/** What was said at each moment, with every amount. */
function spelledOut(own: readonly OwnRevision[], linked: readonly Linked[], known: KnownInferences): OwnRevision[] {
  const firstMs = own[0]?.knownAtMs ?? 0;
  const times = [...own.map(({ knownAtMs }) => knownAtMs), ...linked.map(({ sinceMs }) => sinceMs ?? 0)];
  const moments = [...new Set(times)].filter((ms) => ms >= firstMs).sort((a, b) => a - b);
  return moments.map((knownAtMs) => {
    const { payment } = own.findLast((one) => one.knownAtMs <= knownAtMs) as OwnRevision;
    const { parts, unlinked, findings } = splitPayment(payment, known.until(knownAtMs));
    const amounts = new Map(parts.map(({ inferenceId, amount }) => [inferenceId, amount]));
    const links = linked.map(({ inferenceId }): Link => {
      const amount = amounts.get(inferenceId);
      return amount === undefined ? NO_LINK : { linked: true, amount };
    });
    return { knownAtMs, payment, findings, bySession: false, rest: unlinked, links };
  });
}

/** Whether a product of an amount and a cost, or a sum of costs, takes more than 256 bits. */
function isWide(own: readonly OwnRevision[], linked: readonly Linked[]): boolean {
  const costs = linked.map(({ cost }) => cost ?? 0n);
  const [sum, most] = [costs.reduce((a, b) => a + b, 0n), greatest(costs)];
  return sum >= TOO_WIDE || greatest(own.map(({ rest }) => rest)) * most >= TOO_WIDE;
}

function greatest(numbers: readonly bigint[]): bigint {
  return numbers.reduce((a, b) => (a > b ? a : b), 0n);
}
