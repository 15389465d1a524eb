import { activationOf, placementOf, type ModelPlan } from './network.js';
import { isoFromMicros } from '../shared/core/time.js';
import type { Payment, PaymentPart } from './payments.js';
import { flagWouldCover, type Request } from './request.js';
import type { Expectation } from './truth.js';

/** Payments asked about one by one: the first of each kind. */
const SAMPLES_MAX = 20;

/** The place of a record in the log, by the order in which the trail is sent. */
export type LogOrder = (record: object) => number;

export function taintExpectation(
  model: ModelPlan,
  requests: readonly Request[],
  payments: readonly Payment[],
): Expectation {
  const own = requests.filter((request) => request.model === model);
  const ids = (taint: Request['taint']): string[] =>
    own.flatMap((request) => (request.taint === taint ? [request.record.inference_id] : [])).sort();
  const counted = payments
    .filter(moneyCounts)
    .flatMap(({ parts }) => parts)
    .filter((part) => part.request?.model === model);
  const sum = (taint: Request['taint']): string =>
    total(counted.filter((part) => part.request?.taint === taint)).toString();
  return {
    question: { ask: 'taint', model: model.id, release: model.flag?.release ?? '' },
    answer: {
      flagged: model.flag !== null && model.flag.withdrawnAt === null,
      certain: ids('tainted'),
      possible: ids('possible'),
      amount: { tainted: sum('tainted'), possible: sum('possible') },
    },
  };
}

/** Question 5, for one activation or for the release as a whole. */
export function paymentsExpectation(
  model: ModelPlan,
  activation: number | null,
  payments: readonly Payment[],
): Expectation {
  const release = model.flag?.release ?? '';
  const meant = (number: number | null): boolean => activation === null || number === activation;
  const spans = model.activations.filter((each) => each.release === release && meant(each.activation));
  const isWork = ({ request }: PaymentPart): boolean =>
    request?.model === model && request.expected.release === release && meant(request.expected.activation);
  const mayBeWork = ({ request }: PaymentPart): boolean =>
    request?.model === model &&
    request.expected.status === 'ambiguous' &&
    request.expected.candidates.some((candidate) => candidate.release === release) &&
    meant(placementOf(model, release, request.record.occurred_at).activation);
  const isLate = (payment: Payment, { request }: PaymentPart): boolean => {
    const number = request?.expected.activation ?? null;
    const end = number === null ? null : activationOf(model, release, number).to;
    return end !== null && payment.settledAt !== null && payment.settledAt >= end;
  };
  const lists = { active: [] as string[], work: [] as string[], possible: [] as string[], late: [] as string[] };
  const amounts = { work: 0n, possible: 0n, late: 0n };
  for (const payment of payments) {
    const { id, settledAt } = payment;
    if (settledAt === null) continue;
    const work = payment.parts.filter(isWork);
    const possible = payment.parts.filter(mayBeWork);
    const late = work.filter((part) => isLate(payment, part));
    const ofModel = payment.parts.some((part) => part.request?.model === model);
    if (ofModel && spans.some(({ from, to }) => from <= settledAt && (to === null || settledAt < to)))
      lists.active.push(id);
    if (work.length > 0) lists.work.push(id);
    else if (possible.length > 0) lists.possible.push(id);
    if (late.length > 0) lists.late.push(id);
    if (!moneyCounts(payment)) continue;
    amounts.work += total(work);
    amounts.possible += total(possible);
    amounts.late += total(late);
  }
  return {
    question: { ask: 'payments', model: model.id, release, ...(activation === null ? {} : { activation }) },
    answer: {
      settled_while_active: lists.active.sort(),
      settled_for_work: lists.work.sort(),
      possible: lists.possible.sort(),
      late: lists.late.sort(),
      amount: {
        work: amounts.work.toString(),
        possible: amounts.possible.toString(),
        late: amounts.late.toString(),
      },
    },
  };
}

export function paymentExpectations(payments: readonly Payment[]): Expectation[] {
  const kinds = new Map<string, Payment>();
  for (const payment of payments) {
    if (payment.refunded) continue;
    const classes = new Set(payment.parts.map(classOf));
    const kind = [payment.state, payment.waiting, payment.remainder > 0n, ...[...classes].sort()].join(' ');
    if (!kinds.has(kind)) kinds.set(kind, payment);
  }
  return [...kinds.values()].slice(0, SAMPLES_MAX).map((payment) => {
    const sum = (name: string): bigint => total(payment.parts.filter((part) => classOf(part) === name));
    return {
      question: { ask: 'payment', payment: payment.id },
      answer: {
        payment: payment.id,
        state: payment.state,
        amount: payment.amount.toString(),
        tainted: sum('tainted').toString(),
        possible: sum('possible').toString(),
        clean: sum('clean').toString(),
        unattributed: (sum('unattributed') + payment.remainder).toString(),
        parts: payment.parts
          .toSorted((a, b) => (a.inference < b.inference ? -1 : 1))
          .map((part) => ({ inference: part.inference, amount: part.amount.toString(), class: classOf(part) })),
      },
    };
  });
}

/**
 * Alerts of one model, without the time they were raised, which only the broker decides. What was true when is a matter of
 * which record was sent before which.
 */
export function alertsExpectation(
  model: ModelPlan,
  { requests, payments, order }: { requests: readonly Request[]; payments: readonly Payment[]; order: LogOrder },
): Expectation {
  const { flag, incident } = model;
  const answer: {
    kind: string;
    release: string;
    subject: string;
    state: string;
    retroactive: boolean;
    late: boolean;
  }[] = [];
  if (flag !== null) {
    const { release } = flag;
    const state = flag.withdrawnAt === null ? 'firing' : 'resolved';
    const knowledge = {
      flaggedAt: firstOf(model, 'FLAGGED', order),
      unflaggedAt: firstOf(model, 'UNFLAGGED', order),
      order,
    };
    for (const payment of payments) {
      const alert = settlementAlert(model, payment, knowledge);
      if (alert) answer.push({ kind: 'SETTLED_ON_FLAGGED', release, subject: payment.id, ...alert });
    }
    const stale = requests.find(
      (request) =>
        request.model === model &&
        request.expected.phase === 'stale' &&
        flagWouldCover(model, request.record.occurred_at, request.expected) &&
        order(request.record) < knowledge.unflaggedAt,
    );
    if (stale) {
      const subject = String(stale.expected.activation);
      answer.push({ kind: 'STALE_SERVING', release, subject, state, retroactive: false, late: false });
    }
    if (incident.reactivatedAt !== null) {
      const subject = isoFromMicros(incident.reactivatedAt);
      answer.push({ kind: 'FLAGGED_REACTIVATED', release, subject, state, retroactive: false, late: false });
    }
  }
  answer.sort((a, b) => (a.kind + a.subject < b.kind + b.subject ? -1 : 1));
  return { question: { ask: 'alerts', model: model.id }, answer };
}

function settlementAlert(
  model: ModelPlan,
  payment: Payment,
  { flaggedAt, unflaggedAt, order }: { flaggedAt: number; unflaggedAt: number; order: LogOrder },
): { state: string; retroactive: boolean; late: boolean } | null {
  const { release } = model.flag ?? { release: '' };
  const settled = payment.records.find((record) => record.state === 'SETTLED');
  const undone = payment.records.find((record) => record.state === 'REFUNDED' || record.state === 'REVERSED');
  if (settled === undefined) return null;
  const tainted = payment.parts.flatMap(({ request }) =>
    request?.model === model &&
    request.expected.release === release &&
    flagWouldCover(model, request.record.occurred_at, request.expected)
      ? [request]
      : [],
  );
  if (tainted.length === 0) return null;
  const firstTainted = Math.min(...tainted.map((request) => Math.max(order(request.record), heardAt(request, order))));
  const raisedAt = Math.max(order(settled), flaggedAt, firstTainted);
  const undoneAt = undone === undefined ? Infinity : order(undone);
  if (raisedAt > undoneAt || raisedAt > unflaggedAt) return null;
  const ends = tainted.map(({ expected }) => activationOf(model, release, expected.activation ?? 0).to);
  return {
    state: undoneAt === Infinity && unflaggedAt === Infinity ? 'firing' : 'resolved',
    retroactive: flaggedAt > order(settled),
    late: ends.some((end) => end !== null && settled.occurred_at >= end),
  };
}

/** Where the log says by which release the request was served, if a late record does. */
function heardAt(request: Request, order: LogOrder): number {
  if (request.knowableAt === null) return -1;
  const late = request.model.log.find(({ sendAt }) => sendAt === request.knowableAt);
  return late === undefined ? -1 : order(late.record);
}

function firstOf(model: ModelPlan, action: string, order: LogOrder): number {
  const found = model.log.find(({ record }) => record.action === action);
  return found === undefined ? Infinity : order(found.record);
}

export function classOf(part: PaymentPart): string {
  return part.request?.taint ?? 'unattributed';
}

/** Whether the money moved and stayed moved. */
export function moneyCounts(payment: Payment): boolean {
  return payment.settledAt !== null && !payment.refunded;
}

export function total(parts: readonly PaymentPart[]): bigint {
  return parts.reduce((sum, part) => sum + part.amount, 0n);
}
