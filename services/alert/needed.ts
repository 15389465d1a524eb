import type { AlertState } from '../shared/core/alert-ledger.js';
import type { AlertRow } from './rows.js';

export type Outcome = 'delivered' | 'counted' | 'silenced' | 'given_up' | 'superseded';

/** What became of one state of an alert at one receiver. */
export interface Decided extends AlertState {
  readonly outcome: Outcome;
  readonly decidedAtMs: number;
}

/** The state an alert is in. One that turned out never to have been true ended when it began. */
export function currentState({ states, raisedAtMs }: Pick<AlertRow, 'states' | 'raisedAtMs'>): AlertState {
  return states.at(-1) ?? { state: 'resolved', atMs: raisedAtMs };
}

/**
 * The state that a receiver is still to be told, or null. It is told what is: of an alert that fired, was resolved and
 * fires again before anybody was told, once that it fires. That it was resolved is told to whoever was told that it
 * fired. A correction of since when it fires is no news.
 */
export function neededState(
  alert: Pick<AlertRow, 'states' | 'raisedAtMs'>,
  decided: readonly Decided[],
  { sendResolved }: { sendResolved: boolean },
): AlertState | null {
  const current = currentState(alert);
  if (decided.some((one) => isSame(one, current) && one.outcome !== 'superseded')) return null;
  const told = decided
    .filter(({ outcome }) => outcome === 'delivered' || outcome === 'counted')
    .sort((a, b) => a.decidedAtMs - b.decidedAtMs || a.atMs - b.atMs)
    .at(-1);
  if (current.state === 'resolved') return told?.state === 'firing' && sendResolved ? current : null;
  if (told?.state !== 'firing') return current;
  return alert.states.some(({ state, atMs }) => state === 'resolved' && atMs > told.atMs) ? current : null;
}

export function isSame(a: AlertState, b: AlertState): boolean {
  return a.state === b.state && a.atMs === b.atMs;
}
