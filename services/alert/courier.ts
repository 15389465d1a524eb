import type { ClickHouse } from '../shared/clickhouse/client.js';
import { elapsedMs, now, sleep } from '../shared/clock.js';
import type { AlertState } from '../shared/core/alert-ledger.js';
import { groupBy } from '../shared/core/group.js';
import type { Logger } from '../shared/log.js';
import type { Metrics } from '../shared/metrics.js';
import { retrying, type RetryOptions } from '../shared/runtime/retry.js';
import { sentTimes, writeDecisions, type Decision, type Ground } from './deliveries.js';
import { firingAlerts, firingCounts, PAGE_ROWS } from './feed.js';
import { dueAtMs, inOrder, notificationId, type Group, type Pending } from './group.js';
import { Inbox, type News } from './inbox.js';
import { neededState } from './needed.js';
import { webhookBody } from './payload.js';
import type { Receiver, Receivers } from './receivers.js';
import { isFor } from './route.js';
import { silenceOf } from './silence.js';
import { post, type Answer } from './webhook.js';

export interface CourierParts {
  readonly database: Pick<ClickHouse, 'select' | 'insert'>;
  readonly receivers: Receivers;
  readonly retry: RetryOptions;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** States that wait for one receiver; beyond that no more are read until some are told. */
const PENDING_MAX = 20_000;
const PAUSE_MIN_MS = 250;
const PAUSE_MAX_MS = 2_000;
/** A tenth of the time is spent looking. */
const PAUSE_FACTOR = 9;
/** Alerts of an incident that are read to be told again. */
const REPEAT_MAX = 5_000;

/** What one notification tells. */
interface Telling {
  readonly group: Group;
  readonly items: readonly Pending[];
  readonly listed: readonly Pending[];
  readonly id: string;
}

/**
 * Tells one receiver of alerts, in a sequence of its own: that a receiver is away or slow is nobody else's concern.
 *
 *   look for news ─▶ pending by incident ─▶ due ─▶ POST ─▶ what became of each state is durable ─▶ look
 *
 * After a crash between the POST and the durable row the same is sent again, under the same name.
 */
export class Courier {
  readonly #inbox: Inbox;
  readonly #groups = new Map<string, Group>();
  readonly #labels: { readonly receiver: string };
  /** Attempts that failed in a row, whatever the incident, and until when the receiver is left alone. */
  #failures = 0;
  #restUntilMs = 0;

  constructor(
    private readonly receiver: Receiver,
    private readonly parts: CourierParts,
  ) {
    this.#inbox = new Inbox(parts.database, receiver.name);
    this.#labels = { receiver: receiver.name };
    parts.metrics.alertsPendingMax.set(PENDING_MAX + PAGE_ROWS);
  }

  /** Until the signal aborts. Throws BacktrailError for what stops a service; never because of the receiver. */
  async run(): Promise<void> {
    const { signal, retry } = this.parts;
    await retrying(() => this.#open(), retry);
    let pauseMs = PAUSE_MIN_MS;
    while (!signal.aborted) {
      const startedMs = elapsedMs();
      const found = await retrying(() => this.#look(), retry);
      const tookMs = elapsedMs() - startedMs;
      await this.#sendDue();
      await retrying(() => this.#remember(), retry);
      pauseMs = found > 0 ? PAUSE_MIN_MS : Math.min(pauseMs * 2, PAUSE_MAX_MS);
      await sleep(Math.min(Math.max(pauseMs, tookMs * PAUSE_FACTOR), this.#untilDueMs()), signal);
    }
  }

  async #open(): Promise<void> {
    await this.#inbox.open();
    if (this.receiver.repeatIntervalMs === null) return;
    for (const { modelId, release, sentMs } of await sentTimes(this.parts.database, this.receiver.name)) {
      this.#groups.set(keyOf({ modelId, release }), emptyGroup({ modelId, release, sentMs }));
    }
  }

  /** Returns how many rows were new. */
  async #look(): Promise<number> {
    let found = 0;
    for await (const page of this.#inbox.news(() => this.#pendingCount() < PENDING_MAX)) {
      for (const news of page) await this.#take(news);
      found += page.length;
    }
    this.#measure();
    return found;
  }

  async #take({ alert, decided, writtenAtMs, heldUntilMs }: News): Promise<void> {
    if (!isFor(alert, this.receiver, this.parts.receivers.receivers)) return;
    const told = neededState(alert, decided, this.receiver);
    const group = this.#groups.get(keyOf(alert));
    const before = group?.pending.get(alert.alertId);
    if (told === null) {
      if (
        before === undefined ||
        decided.some(({ atMs, state }) => atMs === before.told.atMs && state === before.told.state)
      )
        return;
      group?.pending.delete(alert.alertId);
      await this.#decide([{ ...before, outcome: 'superseded' }], {});
      return;
    }
    const into = group ?? (await this.#newGroup(alert));
    if (into.pending.size === 0) into.sinceMs = now();
    into.pending.set(alert.alertId, { alert, told, writtenAtMs, heldUntilMs });
  }

  async #newGroup({ modelId, release }: { modelId: string; release: string }): Promise<Group> {
    const [sent] = await sentTimes(this.parts.database, this.receiver.name, { modelId, release });
    const group = emptyGroup({ modelId, release, sentMs: sent?.sentMs ?? null });
    this.#groups.set(keyOf(group), group);
    return group;
  }

  async #sendDue(): Promise<void> {
    const { signal, retry } = this.parts;
    for (const [key, group] of this.#groups) {
      if (signal.aborted || elapsedMs() < this.#restUntilMs) return;
      if (dueAtMs(group, this.receiver, now()) <= now()) await retrying(() => this.#holdBack(group), retry);
      const dueMs = dueAtMs(group, this.receiver, now());
      if (dueMs === Infinity) this.#groups.delete(key);
      if (dueMs > now()) continue;
      const telling = await retrying(() => this.#telling(group, dueMs), retry);
      if (telling !== null) await this.#tell(telling);
      else if (group.pending.size === 0) this.#groups.delete(key);
    }
  }

  /** What fires and is silenced is not told until the silence ends; that something was resolved always is. */
  async #holdBack(group: Group): Promise<void> {
    const firing = [...group.pending.values()].filter(({ told }) => told.state === 'firing');
    const bySilence = groupBy(firing, ({ alert }) => silenceOf(alert, this.#inbox.silences, now())?.id ?? null);
    for (const [silence, held] of bySilence) {
      if (silence === null) continue;
      await this.#decide(
        held.map((pending): Decision => ({ ...pending, outcome: 'silenced' })),
        { reason: silence },
      );
      for (const { alert } of held) group.pending.delete(alert.alertId);
    }
  }

  /** Null when there is nothing to tell. */
  async #telling(group: Group, dueMs: number): Promise<Telling | null> {
    const isRepeat = group.pending.size === 0;
    const items = isRepeat ? await this.#stillFiring(group) : inOrder(group.pending.values());
    if (items.length === 0) return null;
    const { maxAlerts, name } = this.receiver;
    const listed = maxAlerts === 0 ? items : items.slice(0, maxAlerts);
    return { group, items, listed, id: notificationId(name, group, { items, repeats: isRepeat ? dueMs : null }) };
  }

  async #stillFiring(group: Group): Promise<Pending[]> {
    const { database, receivers } = this.parts;
    const firing = await firingAlerts(database, group, REPEAT_MAX);
    return firing.flatMap((alert) => {
      const told = alert.states.at(-1);
      if (told === undefined || !isFor(alert, this.receiver, receivers.receivers)) return [];
      if (silenceOf(alert, this.#inbox.silences, now()) !== null) return [];
      return [{ alert, told, writtenAtMs: Infinity, heldUntilMs: Infinity }];
    });
  }

  async #tell(telling: Telling): Promise<void> {
    const { group, items, listed, id } = telling;
    const { signal, retry, metrics, receivers } = this.parts;
    const status = await retrying(() => this.#statusOf(group, items), retry);
    const truncated = items.length - listed.length;
    const { modelId, release } = group;
    const body = webhookBody({ receiver: this.receiver.name, modelId, release, status, listed, truncated }, receivers);
    const startedMs = elapsedMs();
    const answer = await post(this.receiver, { body: JSON.stringify(body), idempotencyKey: id }, signal);
    if (signal.aborted && answer.kind === 'again') return;
    metrics.notificationSeconds.observe(this.#labels, (elapsedMs() - startedMs) / 1_000);
    metrics.notifications.inc({ ...this.#labels, outcome: answer.kind });
    group.attempts += 1;
    if (answer.kind === 'again') {
      this.#rest(answer);
      return;
    }
    if (this.#failures > 0) this.parts.log.info(this.#labels, 'the receiver of alerts answers again');
    this.#failures = 0;
    await this.#conclude(telling, answer);
  }

  /** Firing as long as anything of the incident fires that this receiver is told of. */
  async #statusOf(group: Group, items: readonly Pending[]): Promise<AlertState['state']> {
    if (items.some(({ told }) => told.state === 'firing')) return 'firing';
    const { database, receivers } = this.parts;
    const firing = (await firingCounts(database, group)).some((some) => {
      const alert = { ...some, modelId: group.modelId, release: group.release };
      if (!isFor(alert, this.receiver, receivers.receivers)) return false;
      return silenceOf(alert, this.#inbox.silences, now()) === null;
    });
    return firing ? 'firing' : 'resolved';
  }

  #rest({ why, afterMs }: Extract<Answer, { kind: 'again' }>): void {
    const { retry, log } = this.parts;
    const backOffMs = Math.min(retry.initialMs * 2 ** Math.min(this.#failures, 30), retry.maxMs);
    this.#failures += 1;
    this.#restUntilMs = elapsedMs() + Math.max(afterMs, backOffMs);
    // The first is news; after that, once in a while.
    if (this.#failures === 1 || this.#failures % 20 === 0) {
      log.warn({ ...this.#labels, why, attempt: this.#failures }, 'a receiver of alerts does not answer as it should');
    }
  }

  async #conclude({ group, items, listed, id }: Telling, answer: Exclude<Answer, { kind: 'again' }>): Promise<void> {
    const { retry, log } = this.parts;
    const inList = new Set(listed);
    const isRefused = answer.kind === 'refused';
    const decisions = items.map((item): Decision => ({
      ...item,
      outcome: isRefused ? 'given_up' : inList.has(item) ? 'delivered' : 'counted',
    }));
    const reason = isRefused ? answer.why : '';
    if (isRefused) {
      log.warn({ ...this.#labels, why: reason, notification: id, alerts: items.length }, 'a receiver refused alerts');
    }
    await retrying(() => this.#decide(decisions, { notificationId: id, attempts: group.attempts, reason }), retry);
    for (const { alert } of items) group.pending.delete(alert.alertId);
    group.sentMs = now();
    group.attempts = 0;
    this.#measure();
  }

  async #decide(decisions: readonly Decision[], ground: Omit<Ground, 'receiver'>): Promise<void> {
    await writeDecisions(this.parts.database, decisions, { ...ground, receiver: this.receiver.name });
    for (const { outcome } of decisions) this.parts.metrics.notifiedAlerts.inc({ ...this.#labels, outcome });
  }

  async #remember(): Promise<void> {
    const oldest = { writtenAtMs: Infinity, heldUntilMs: Infinity };
    for (const { writtenAtMs, heldUntilMs } of this.#allPending()) {
      oldest.writtenAtMs = Math.min(oldest.writtenAtMs, writtenAtMs);
      oldest.heldUntilMs = Math.min(oldest.heldUntilMs, heldUntilMs);
    }
    await this.#inbox.remember(oldest);
  }

  #untilDueMs(): number {
    let dueMs = Infinity;
    for (const group of this.#groups.values()) dueMs = Math.min(dueMs, dueAtMs(group, this.receiver, now()) - now());
    return Math.max(dueMs, this.#restUntilMs - elapsedMs(), PAUSE_MIN_MS / 10);
  }

  #measure(): void {
    const { alertsPending, alertsPendingOldest } = this.parts.metrics;
    let sinceMs = Infinity;
    for (const group of this.#groups.values()) if (group.pending.size > 0) sinceMs = Math.min(sinceMs, group.sinceMs);
    alertsPending.set(this.#labels, this.#pendingCount());
    alertsPendingOldest.set(this.#labels, sinceMs === Infinity ? 0 : Math.max(0, now() - sinceMs) / 1_000);
  }

  #pendingCount(): number {
    let count = 0;
    for (const { pending } of this.#groups.values()) count += pending.size;
    return count;
  }

  *#allPending(): Generator<Pending> {
    for (const { pending } of this.#groups.values()) yield* pending.values();
  }
}

function emptyGroup(of: Pick<Group, 'modelId' | 'release' | 'sentMs'>): Group {
  return { ...of, pending: new Map(), sinceMs: now(), attempts: 0 };
}

function keyOf({ modelId, release }: { readonly modelId: string; readonly release: string }): string {
  return JSON.stringify([modelId, release]);
}
