import type { ClickHouse } from '../shared/clickhouse/client.js';
import { now } from '../shared/clock.js';
import { readProgress, readSilences, writeProgress, type Progress } from './deliveries.js';
import { candidates, heldBackBy, PAGE_ROWS, touchedSince, type AlertKey, type Candidate, type Page } from './feed.js';
import type { Silence } from './silence.js';

/** An alert to be looked at, and what may not be forgotten until it is decided on. */
export interface News extends Candidate {
  /** When its row was written; Infinity where that is not why it is looked at. */
  readonly writtenAtMs: number;
  /** When the silence ended that had held it back; Infinity where none had. */
  readonly heldUntilMs: number;
}

/** An insert becomes visible after the moment that its rows carry: rows are looked for again for so long. */
const OVERLAP_MS = 30_000;
/** The end of a silence carries the clock of whoever ended it. */
const SILENCE_OVERLAP_MS = 60_000;
/** Progress that says nothing new but the time is written so often. */
const PROGRESS_IDLE_MS = 60_000;
const PROGRESS_MIN_MS = 2_000;

/**
 * What is new for one receiver. Every row of an alert is looked at once after it was written, and again after a restart
 * unless it is known by then what became of it: so a look costs as much as there is news, however many alerts there are.
 */
export class Inbox {
  #readUntilMs = 0;
  #silencesUntilMs = 0;
  #silences: readonly Silence[] = [];
  /** Rows that were looked at and would be found again, by when they were written. */
  readonly #seen = new Map<string, number>();
  /** Silences whose end was noticed and would be found again, by when they ended. */
  readonly #ended = new Map<string, number>();
  #written: { progress: Progress; atMs: number } | null = null;

  constructor(
    private readonly database: Pick<ClickHouse, 'select' | 'insert'>,
    private readonly receiver: string,
  ) {}

  /** A receiver that is new is told what fires, of whenever it is. */
  async open(): Promise<void> {
    const progress = await readProgress(this.database, this.receiver);
    this.#readUntilMs = progress?.writtenUntilMs ?? 0;
    this.#silencesUntilMs = progress?.silencesUntilMs ?? now();
  }

  /** Silences, with those that have just ended. */
  get silences(): readonly Silence[] {
    return this.#silences;
  }

  /**
   * News in pages of at most `PAGE_ROWS`. Each page is asked for only while there is room; what is left is found next time.
   */
  async *news(hasRoom: () => boolean): AsyncGenerator<News[]> {
    yield* this.#heldBack(hasRoom);
    let after = { writtenAtMs: this.#readUntilMs, alertId: '' };
    while (hasRoom()) {
      const page = await touchedSince(this.database, after);
      yield await this.#unseen(page);
      for (const row of page.rows) this.#seen.set(keyOf(row), row.writtenAtMs);
      const last = page.rows.at(-1);
      const isLast = page.rows.length < PAGE_ROWS || last === undefined;
      this.#advance(isLast ? page.atMs - OVERLAP_MS : Math.min(last.writtenAtMs, page.atMs - OVERLAP_MS));
      if (isLast) return;
      after = last;
    }
  }

  /** @param pending the oldest news that is not decided on */
  async remember(pending: Pick<News, 'writtenAtMs' | 'heldUntilMs'>): Promise<void> {
    const progress = {
      writtenUntilMs: Math.min(pending.writtenAtMs, this.#readUntilMs),
      silencesUntilMs: Math.min(pending.heldUntilMs - 1, this.#silencesUntilMs),
    };
    const before = this.#written;
    if (before?.progress.writtenUntilMs === progress.writtenUntilMs) return;
    const sinceMs = before === null ? Infinity : Math.abs(now() - before.atMs);
    if (sinceMs < (this.#seen.size === 0 ? PROGRESS_IDLE_MS : PROGRESS_MIN_MS)) return;
    await writeProgress(this.database, this.receiver, progress);
    this.#written = { progress, atMs: now() };
  }

  async #unseen(page: Page): Promise<News[]> {
    const unseen = page.rows.filter((row) => !this.#seen.has(keyOf(row)));
    const writtenAt = new Map(unseen.map((row) => [row.alertId, row.writtenAtMs]));
    const found = await candidates(this.database, this.receiver, unseen);
    return found.map((one) => ({
      ...one,
      writtenAtMs: writtenAt.get(one.alert.alertId) ?? page.atMs,
      heldUntilMs: Infinity,
    }));
  }

  /** What silences that have ended since the last look had held back, as if nothing had become of it. */
  async *#heldBack(hasRoom: () => boolean): AsyncGenerator<News[]> {
    const nowMs = now();
    const sinceMs = Math.min(this.#silencesUntilMs, nowMs) - SILENCE_OVERLAP_MS;
    this.#silences = await readSilences(this.database, sinceMs);
    let untilMs = nowMs;
    for (const { id, endMs } of this.#silences) {
      if (endMs > nowMs || this.#ended.get(id) === endMs) continue;
      if (yield* this.#heldBackBy(id, { endMs, hasRoom })) this.#ended.set(id, endMs);
      // The rest of it is looked at next time, also after a restart.
      else untilMs = Math.min(untilMs, endMs - 1);
    }
    for (const [id, endMs] of this.#ended) if (endMs <= sinceMs) this.#ended.delete(id);
    this.#silencesUntilMs = Math.max(this.#silencesUntilMs, untilMs);
  }

  /** Returns whether that was all. What is decided on by now is no news: it is gone through again, and takes no room. */
  async *#heldBackBy(
    silence: string,
    { endMs, hasRoom }: { endMs: number; hasRoom: () => boolean },
  ): AsyncGenerator<News[], boolean> {
    for (let after = ''; hasRoom();) {
      const keys: readonly AlertKey[] = await heldBackBy(this.database, this.receiver, { silence, after });
      const held = await candidates(this.database, this.receiver, keys);
      yield held.map(({ alert, decided }) => {
        const others = decided.filter(({ outcome }) => outcome !== 'silenced');
        return { alert, decided: others, writtenAtMs: Infinity, heldUntilMs: endMs };
      });
      const last = keys.at(-1);
      if (keys.length < PAGE_ROWS || last === undefined) return true;
      after = last.alertId;
    }
    return false;
  }

  #advance(untilMs: number): void {
    if (untilMs <= this.#readUntilMs) return;
    this.#readUntilMs = untilMs;
    for (const [key, writtenAtMs] of this.#seen) if (writtenAtMs < untilMs) this.#seen.delete(key);
  }
}

function keyOf({ alertId, writtenAtMs }: { alertId: string; writtenAtMs: number }): string {
  return `${alertId} ${String(writtenAtMs)}`;
}
