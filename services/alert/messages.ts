import type { AlertRecord } from '../../schemas/types.generated.js';
import type { AlertState } from '../shared/core/alert-ledger.js';
import { MICROS_PER_MS } from '../shared/core/time.js';
import type { AlertRow } from './rows.js';

/**
 * What is still to be sent about an alert: every state it was ever in, once, in time order. Whoever reads the topic to its
 * end must know the state it is in now: when a correction of the past is sent last, that state is said again.
 *
 * @param sent what the topic holds of it, in the order of the topic
 */
export function messagesFor(alert: AlertRow, sent: readonly AlertState[]): AlertRecord[] {
  const told = new Set(sent.map(keyOf));
  const missing = alert.states.filter((state) => !told.has(keyOf(state)));
  const newest = missing.at(-1) ?? sent.at(-1);
  // One that turned out never to have been true ends when it began.
  const now = alert.states.at(-1) ?? { state: 'resolved', atMs: alert.raisedAtMs };
  if (newest !== undefined && keyOf(newest) !== keyOf(now)) missing.push(now);
  return missing.map((state) => toRecord(alert, state));
}

function keyOf({ state, atMs }: AlertState): string {
  return `${state} ${String(atMs)}`;
}

function toRecord(alert: AlertRow, { state, atMs }: AlertState): AlertRecord {
  return {
    alert_id: alert.alertId,
    kind: alert.kind,
    model_id: alert.modelId,
    release: alert.release,
    subject: alert.subject,
    raised_at: alert.raisedAtMs * MICROS_PER_MS,
    state,
    changed_at: atMs * MICROS_PER_MS,
    retroactive: alert.retroactive,
    late: alert.late,
    severity: alert.severity,
  };
}
