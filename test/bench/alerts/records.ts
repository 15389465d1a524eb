import type { InferenceRecord, PaymentRecord, ReleaseRecord } from '../../../schemas/types.generated.js';
import { BLANK_RELEASE } from '../../../services/demo/blank-release.js';
import {
  agentsOf,
  GROUP,
  inferenceOf,
  modelName,
  paymentId,
  paymentsOf,
  proofsOf,
  releasesOf,
  type Network,
} from '../scale/network.js';

/**
 * The network of bench:scale, of which now is in the middle: v2 has been serving everything for days.
 *
 *   days     0            3 ------ 3.5 ======== 5.5 ---- 6 = now
 *   history                        payments for v2 of one model, which is flagged later
 *   live                                                 all models
 *   measured                                             payments for v2 of another model, which is flagged already
 */
export const FAULTY = 'v2';
/** Two of the many. */
export const FLAGGED_BEFORE = modelName(2);
export const FLAGGED_LATER = modelName(3);
/** Names the payments that are measured. */
export const MEASURED = 'measured';
const DAY_MICROS = 86_400_000_000;
const AGE_DAYS = 6;
const HISTORY = { from: 0.35, to: 0.55 };
/** After so many inferences the shares of the streams come again. */
const PERIOD = 400;

export interface Story {
  readonly history: Network;
  readonly live: Network;
  readonly measured: Network;
  /** The payments of the history, by the inferences that are paid together. */
  readonly groups: readonly number[];
  readonly nowMicros: number;
}

export function storyOf(nowMs: number, { retroactive, seed }: { retroactive: number; seed: number }): Story {
  const nowMicros = nowMs * 1000;
  const inferences = Math.ceil((retroactive * GROUP) / (HISTORY.to - HISTORY.from));
  const network = { inferences, startMicros: nowMicros - AGE_DAYS * DAY_MICROS };
  const first = Math.ceil((inferences * HISTORY.from) / GROUP);
  return {
    history: { ...network, seed },
    live: { ...network, seed: seed + 1000 },
    measured: { ...network, seed: seed + 2000 },
    groups: Array.from({ length: retroactive }, (_, i) => first + i),
    nowMicros,
  };
}

/** What the releases topic has before the services start. */
export function pastReleases({ history, nowMicros }: Story): ReleaseRecord[] {
  return releasesOf(history).filter((record) => record.occurred_at <= nowMicros);
}

export function historyPayments({ history, groups }: Story): string[] {
  return groups.map((group) => paymentId(group, history));
}

/** The inferences that are paid together. */
export function indexesOf(group: number): number[] {
  return Array.from({ length: GROUP }, (_, i) => group * GROUP + i);
}

/** An inference that the release of one model served which is flagged, whatever its number says. */
export function faultyInference(
  i: number,
  { model, network, at }: { model: string; network: Network; at?: number },
): InferenceRecord {
  return { ...inferenceOf(i, network, at), model_id: model, blob_id: null, release: FAULTY };
}

/** Only what settles it: one that comes back raises no alert. */
export function settledPayment(group: number, network: Network): PaymentRecord[] {
  return paymentsOf(group, network).slice(0, 1);
}

/** Events that come of one inference, itself included, on average. */
export function eventsPerInference({ live }: Story): number {
  let events = PERIOD;
  for (let i = 0; i < PERIOD; i += 1) {
    events += proofsOf(i, live).length + agentsOf(i, live).length;
    if (i % GROUP === 0) events += paymentsOf(i / GROUP, live).length;
  }
  return events / PERIOD;
}

/** Records as they happen: one after the other from a time on. */
export function happening<T extends { readonly occurred_at: number }>(records: readonly T[], at: number): T[] {
  return records.map((record, step) => ({ ...record, occurred_at: at + step }));
}

export function flagOf(model: string, action: 'FLAGGED' | 'UNFLAGGED', at: number): ReleaseRecord {
  return {
    event_id: flagEvent(model, action),
    occurred_at: at,
    source: 'bench',
    model_id: model,
    ...BLANK_RELEASE,
    action,
    flag_id: `flag of ${model}`,
    ...(action === 'FLAGGED' ? { release: FAULTY, severity: 'high' } : {}),
  };
}

export function flagEvent(model: string, action: 'FLAGGED' | 'UNFLAGGED'): string {
  return `${action} ${model}`;
}
