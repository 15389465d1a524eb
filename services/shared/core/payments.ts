import { sortedIds } from './order.js';
import type { Payment } from './payment.js';
import type { Exposed } from './taint.js';
import { contains } from './time.js';
import { activationsOfRelease, type Activation } from './timeline.js';
import type { Trail } from './trail.js';

/** The payments of a release or of one of its activations: two answers that are never merged (SPEC 7). */
export interface ReleasePayments {
  readonly settledWhileActive: readonly string[];
  readonly settledForWork: readonly string[];
  readonly possible: readonly string[];
  readonly late: readonly string[];
  readonly amount: { readonly work: bigint; readonly possible: bigint; readonly late: bigint };
}

export interface Work {
  readonly modelId: string;
  readonly release: string;
  /** Only this activation; null: the release, in whatever phase. */
  readonly activation: number | null;
}

export function releasePayments(trail: Trail, work: Work): ReleasePayments {
  const activations = activationsOfRelease(trail.view(work.modelId).timeline, work.release).filter(
    ({ number }) => work.activation === null || number === work.activation,
  );
  const lists = { active: [] as string[], work: [] as string[], possible: [] as string[], late: [] as string[] };
  const amount = { work: 0n, possible: 0n, late: 0n };
  for (const payment of trail.payments) {
    const settledAt = payment.settledAt;
    if (settledAt === null) continue;
    const links = linksToModel(trail, payment, work.modelId);
    if (
      (links.length > 0 || payment.modelId === work.modelId) &&
      activations.some((activation) => contains(activation, settledAt))
    ) {
      lists.active.push(payment.paymentId);
    }
    const counted = payment.refunded ? 0n : 1n;
    let isWork = false;
    let isLate = false;
    let isPossible = false;
    for (const link of links) {
      const mine = link.releases.find((exposed) => isMine(exposed, work));
      if (mine === undefined) continue;
      if (!link.attributed) {
        isPossible = true;
        amount.possible += link.amount * counted;
        continue;
      }
      isWork = true;
      amount.work += link.amount * counted;
      if (!endedBy(mine.activation, settledAt)) continue;
      isLate = true;
      amount.late += link.amount * counted;
    }
    if (isWork) lists.work.push(payment.paymentId);
    else if (isPossible) lists.possible.push(payment.paymentId);
    if (isLate) lists.late.push(payment.paymentId);
  }
  return {
    settledWhileActive: sortedIds(lists.active),
    settledForWork: sortedIds(lists.work),
    possible: sortedIds(lists.possible),
    late: sortedIds(lists.late),
    amount,
  };
}

/** Whether an activation had ended at a time: what settles then is late. */
export function endedBy(activation: Activation | null, micros: number): boolean {
  return activation !== null && activation.to !== null && activation.to <= micros;
}

function isMine(exposed: Exposed, work: Work): boolean {
  return (
    exposed.release === work.release && (work.activation === null || exposed.activation?.number === work.activation)
  );
}

function linksToModel(
  trail: Trail,
  payment: Payment,
  modelId: string,
): { amount: bigint; attributed: boolean; releases: readonly Exposed[] }[] {
  return trail.split(payment).parts.flatMap(({ inferenceId, amount }) => {
    const fact = trail.byId(inferenceId);
    if (fact?.record.model_id !== modelId) return [];
    const attributed = trail.verdict(fact).status === 'attributed';
    return [{ amount, attributed, releases: trail.judgement(fact).releases }];
  });
}
