import type { ClickHouse } from '../../services/shared/clickhouse/client.js';
import { elapsedMs, now, sleep } from '../../services/shared/clock.js';
import type { Sender } from './stage.js';
import type { Story } from './records.js';

const SEND_EVERY_MS = 10;
const LOOK_EVERY_MS = 5;
const GIVE_UP_MS = 30_000;

export interface Latency {
  readonly records: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Subject {
  readonly database: ClickHouse;
  readonly sender: Pick<Sender, 'inferences'>;
  readonly story: Story;
  /** The last offset of each partition that was there before. */
  readonly seen?: ReadonlyMap<number, string>;
}

/**
 * Sends records at a steady rate, and looks again and again which have become visible. A record counts from its append
 * time to the end of the look that found it, so the looking is part of the figure.
 */
export async function measureLatency(
  { database, sender, story, seen: before }: Subject,
  { perSecond, seconds, warmUpSeconds }: { perSecond: number; seconds: number; warmUpSeconds: number },
): Promise<Latency> {
  const total = perSecond * (seconds + warmUpSeconds);
  const startMs = elapsedMs();
  const sending = (async () => {
    for (let sent = 0; sent < total;) {
      const due = Math.min(Math.floor(((elapsedMs() - startMs) * perSecond) / 1000), total);
      if (due > sent) await sender.inferences(sent, due, story);
      sent = Math.max(sent, due);
      await sleep(SEND_EVERY_MS);
    }
  })();
  // When it fails, so does looking, which is what is waited for first.
  sending.catch(() => undefined);
  const found: number[] = [];
  const next = new Map(before);
  const countedFromMs = now() + warmUpSeconds * 1000;
  let seen = 0;
  let movedAtMs = elapsedMs();
  while (seen < total && elapsedMs() - movedAtMs < GIVE_UP_MS) {
    const rows = await database.select<{ partition: number; offset: string; at: string }>(
      `SELECT partition, offset, toUnixTimestamp64Milli(appended_at) AS at FROM inference_rows
       WHERE ${newRows(next)} ORDER BY partition, offset`,
    );
    const visibleMs = now();
    for (const { partition, offset, at } of rows) {
      next.set(partition, offset);
      if (Number(at) >= countedFromMs) found.push(visibleMs - Number(at));
    }
    seen += rows.length;
    if (rows.length > 0) movedAtMs = elapsedMs();
    await sleep(LOOK_EVERY_MS);
  }
  await sending;
  found.sort((a, b) => a - b);
  const at = (share: number): number => found[Math.min(Math.floor(found.length * share), found.length - 1)] ?? NaN;
  return { records: found.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

/** Rows become visible in the order of their offsets. */
function newRows(next: ReadonlyMap<number, string>): string {
  const known = [...next].map(([partition, offset]) => `(partition = ${partition} AND offset > ${offset})`);
  return [...known, `partition NOT IN (${[-1, ...next.keys()].join(', ')})`].join(' OR ');
}
