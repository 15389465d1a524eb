import { createHash } from 'node:crypto';
import type { AlertState } from '../shared/core/alert-ledger.js';
import type { Receiver } from './receivers.js';
import type { AlertRow } from './rows.js';

/** A state that a receiver is still to be told. */
export interface Pending {
  readonly alert: AlertRow;
  readonly told: AlertState;
  /** See News. */
  readonly writtenAtMs: number;
  readonly heldUntilMs: number;
}

/** What is to be told about one incident: ten thousand payments of it are one notification. */
export interface Group {
  readonly modelId: string;
  readonly release: string;
  /** By alert. */
  readonly pending: Map<string, Pending>;
  /** Since when something is pending. */
  sinceMs: number;
  /** When the receiver was last told of it; null: never. */
  sentMs: number | null;
  /** Notifications that failed in a row. */
  attempts: number;
}

/**
 * When a group is to be sent; Infinity while there is nothing to tell.
 *
 *   first alert ── group_wait ──▶ sent ── group_interval ──▶ sent (if there is news) ── repeat_interval ──▶ sent again
 *
 * Times that lie ahead, as after a clock was set back, count as now.
 */
export function dueAtMs(
  { pending, sinceMs, sentMs }: Group,
  { groupWaitMs, groupIntervalMs, repeatIntervalMs }: Receiver,
  nowMs: number,
): number {
  const sent = sentMs === null ? null : Math.min(sentMs, nowMs);
  if (pending.size === 0) return sent === null || repeatIntervalMs === null ? Infinity : sent + repeatIntervalMs;
  const waited = Math.min(sinceMs, nowMs) + groupWaitMs;
  return sent === null ? waited : Math.max(waited, sent + groupIntervalMs);
}

/** What fires first, then the oldest: what is listed when not all can be. */
export function inOrder(pending: Iterable<Pending>): Pending[] {
  return [...pending].sort(
    (a, b) =>
      rank(a) - rank(b) || a.alert.raisedAtMs - b.alert.raisedAtMs || (a.alert.alertId < b.alert.alertId ? -1 : 1),
  );
}

function rank({ told }: Pending): number {
  return told.state === 'firing' ? 0 : 1;
}

/**
 * Names a notification by what it tells: sent again, also after a crash, it has the same name, and a receiver may leave it out.
 *
 * @param repeats the notification that it repeats, by its time
 */
export function notificationId(
  receiver: string,
  { modelId, release }: Group,
  { items, repeats }: { items: readonly Pending[]; repeats: number | null },
): string {
  const told = items.map(({ alert, told: { state, atMs } }) => `${alert.alertId} ${state} ${String(atMs)}`).sort();
  return createHash('sha256')
    .update(JSON.stringify([receiver, modelId, release, repeats, told]))
    .digest('hex');
}
