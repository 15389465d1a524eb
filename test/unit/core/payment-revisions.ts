import { splitPayment, type LinkedInference, type PaymentSplit } from '../../../services/shared/core/payment.js';
import type { Linked, PaymentHistory } from '../../../services/shared/core/payment-history.js';

/** What was said of a payment from a moment on. */
export interface SplitRevision {
  readonly knownAtMs: number;
  readonly value: PaymentSplit;
}

/** Everything that a history has it that was said, each computed as the views do; equal neighbours are one. */
export function revisionsOf(history: PaymentHistory): SplitRevision[] {
  const { own, linked, knownAtMs, newest } = history;
  if (own.length === 0) return [{ knownAtMs, value: newest }];
  const first = own[0]?.knownAtMs ?? 0;
  const times = [...own.map((one) => one.knownAtMs), ...linked.map(({ sinceMs }) => sinceMs ?? 0)];
  const moments = [...new Set(times)].filter((ms) => ms >= first).sort((a, b) => a - b);
  const all = moments.map((ms) => ({ knownAtMs: ms, value: splitAt(history, ms) }));
  return all.filter(({ value }, i) => i === 0 || textOf(value) !== textOf(all[i - 1]?.value));
}

function splitAt({ own, linked }: PaymentHistory, ms: number): PaymentSplit {
  const said = own.findLast(({ knownAtMs }) => knownAtMs <= ms);
  if (said === undefined) throw new Error('nothing was said yet');
  const isThere = ({ sinceMs }: Linked): boolean => sinceMs !== null && sinceMs <= ms;
  const allocations = linked.flatMap((one, i) => {
    const link = said.links[i];
    if (link?.linked !== true || (said.bySession && !isThere(one))) return [];
    return [{ inferenceId: one.inferenceId, amount: link.amount }];
  });
  const known = new Map(linked.filter(isThere).map((one) => [one.inferenceId, factOf(one)]));
  const paid = { ...said.payment, allocations, sessionId: null };
  const split = splitPayment(paid, { byId: (id) => known.get(id), bySession: () => [] });
  return { ...split, payment: said.payment, findings: said.findings };
}

function factOf({ inferenceId, modelId, occurredAt, cost, sessionId, sinceMs }: Linked): LinkedInference {
  const record = { event_id: '', inference_id: inferenceId, session_id: sessionId, model_id: modelId ?? '' };
  return {
    record: { ...record, occurred_at: occurredAt ?? 0, cost: cost?.toString() ?? null },
    key: inferenceId,
    position: { partition: 0, offset: 0n, appendedAtMs: sinceMs ?? 0 },
  };
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner));
}
