import type { PaymentAllocation, PaymentRecord, PaymentState } from '../../schemas/types.generated.js';
import type { Storyteller } from './network.js';
import type { Request } from './request.js';
import type { Session } from './sessions.js';

/** A payment as it really went: which request got which part of the money. */
export interface Payment {
  readonly id: string;
  readonly records: readonly PaymentRecord[];
  readonly state: PaymentState;
  readonly amount: bigint;
  /** When the money moved, if it did and was not taken back by the chain. */
  readonly settledAt: number | null;
  readonly refunded: boolean;
  readonly parts: readonly PaymentPart[];
  /** What no request can be named for. */
  readonly remainder: bigint;
  /** A request is named that nobody ever reported. */
  readonly waiting: boolean;
  /** To be sent without delay: what is expected of it depends on what was known before. */
  readonly prompt: boolean;
}

export interface PaymentPart {
  readonly inference: string;
  /** Null for a request that nobody ever reported. */
  readonly request: Request | null;
  readonly amount: bigint;
}

export type PaymentFate =
  | 'session'
  | 'allocated'
  | 'allocated without amounts'
  | 'with a fee'
  | 'over-allocated'
  | 'ghost'
  | 'late'
  | 'failed'
  | 'open'
  | 'refunded'
  | 'reversed'
  | 'none';

const FATES: Readonly<Record<PaymentFate, number>> = {
  session: 52,
  allocated: 18,
  'allocated without amounts': 4,
  'with a fee': 2,
  'over-allocated': 0.5,
  ghost: 1.5,
  late: 7,
  failed: 2,
  open: 2,
  refunded: 2,
  reversed: 1,
  none: 8,
};

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const FEE = 5n * 10n ** 13n;
const GHOST_COST = 12n * 10n ** 14n;
const PAYEE = '0x0b5e9b3f1c2d4a6e8f7091a2b3c4d5e6f7081920';

export function pay(teller: Storyteller, session: Session, wanted?: PaymentFate): Payment | null {
  const { random } = teller;
  const fate = wanted ?? (random.weighted(FATES) as PaymentFate);
  const first = session.requests[0]?.record.occurred_at;
  const last = session.requests.at(-1)?.record.occurred_at;
  if (fate === 'none' || first === undefined || last === undefined) return null;
  const split = splitOf(teller, session, fate);
  const promptlyAt = last + random.between(100_000, 125_000) * 1000;
  const lateAt = Math.min(promptlyAt + random.between(40, 90) * MINUTE, teller.endOfStory);
  const settledAt = fate === 'late' ? lateAt : promptlyAt;
  const undoneAt = fate === 'refunded' || fate === 'reversed' ? undoTime(teller, session, settledAt) : null;
  const record = recordMaker(teller, session, split);
  const records = [record('AUTHORISED', first - SECOND)];
  if (fate === 'failed') records.push(record('FAILED', settledAt));
  else if (fate !== 'open') records.push(record('SETTLED', settledAt));
  if (undoneAt !== null) records.push(record(fate === 'refunded' ? 'REFUNDED' : 'REVERSED', undoneAt));
  const state = records.at(-1)?.state ?? 'AUTHORISED';
  return {
    id: split.id,
    records,
    state,
    amount: split.amount,
    settledAt: state === 'SETTLED' || state === 'REFUNDED' ? settledAt : null,
    refunded: state === 'REFUNDED',
    parts: split.parts,
    remainder: split.remainder,
    waiting: fate === 'ghost',
    prompt: undoneAt !== null,
  };
}

interface Split {
  readonly id: string;
  readonly amount: bigint;
  readonly parts: readonly PaymentPart[];
  readonly remainder: bigint;
  readonly allocations: readonly PaymentAllocation[];
}

/** The parts come first, and the amount and allocations are made so that exactly these parts are meant. */
function splitOf({ random }: Storyteller, session: Session, fate: PaymentFate): Split {
  const parts = [...priceParts(random.between(100, 9_000_000), session.requests)];
  const id = random.hex(32);
  const sum = parts.reduce((total, part) => total + part.amount, 0n);
  const plain: Split = { id, amount: sum, parts, remainder: 0n, allocations: [] };
  const named = (factor: bigint): PaymentAllocation[] =>
    parts.map((part) => ({ inference_id: part.inference, amount: (part.amount * factor).toString() }));
  switch (fate) {
    case 'allocated':
      return { ...plain, allocations: named(1n) };
    case 'allocated without amounts':
      return { ...plain, allocations: parts.map((part) => ({ inference_id: part.inference, amount: null })) };
    case 'with a fee':
      return { ...plain, allocations: named(1n), amount: sum + FEE, remainder: FEE };
    case 'over-allocated':
      return { ...plain, allocations: named(3n) };
    case 'ghost': {
      const ghost: PaymentPart = { inference: random.hex(32), request: null, amount: GHOST_COST };
      const allocations = [...named(1n), { inference_id: ghost.inference, amount: GHOST_COST.toString() }];
      return { ...plain, allocations, amount: sum + GHOST_COST, parts: [...parts, ghost] };
    }
    default:
      return plain;
  }
}

/** By cost where each has one. Otherwise equal, and the few units that do not divide go to the smallest ids, one each. */
function* priceParts(extra: number, requests: readonly Request[]): Generator<PaymentPart> {
  const priced = requests.every((request) => request.record.cost !== null);
  const unit = 10n ** 15n + BigInt(extra);
  const spare = priced ? 0 : extra % requests.length;
  const byId = requests.toSorted((a, b) => (a.record.inference_id < b.record.inference_id ? -1 : 1));
  for (const [i, request] of byId.entries()) {
    const amount = priced ? BigInt(request.record.cost ?? 0) : unit + (i < spare ? 1n : 0n);
    yield { inference: request.record.inference_id, request, amount };
  }
}

/**
 * When a payment is undone. Near the moment of the flag nobody undoes any: whether an alert was ever raised must be
 * certain. Null where that leaves no time.
 */
function undoTime({ random }: Storyteller, session: Session, settledAt: number): number | null {
  const soon = settledAt + random.between(1, 3) * MINUTE;
  const declaredAt = session.model.flag?.declaredAt;
  if (declaredAt === undefined) return soon;
  if (soon < declaredAt - 2 * MINUTE && random.chance(0.5)) return soon;
  return settledAt < declaredAt - 2 * MINUTE ? declaredAt + random.between(5, 15) * MINUTE : null;
}

function recordMaker(
  { random }: Storyteller,
  session: Session,
  split: Split,
): (state: PaymentState, at: number) => PaymentRecord {
  const payer = random.hex(20);
  const named = random.chance(0.7);
  return (state, at) => {
    const txHash = state === 'SETTLED' || state === 'REFUNDED' ? random.hex(32) : null;
    return {
      event_id: `pay-${split.id.slice(2, 26)}-${state.toLowerCase()}`,
      occurred_at: at,
      source: 'x402-facilitator',
      source_ref: txHash === null ? null : `${txHash}:${random.below(40)}`,
      payment_id: split.id,
      state,
      amount: split.amount.toString(),
      asset: 'OPG',
      network: 'eip155:8453',
      payer,
      payee: PAYEE,
      session_id: split.allocations.length > 0 ? null : session.id,
      model_id: named ? session.model.id : null,
      tx_hash: txHash,
      allocations: [...split.allocations],
    };
  };
}
