import { topicName } from '../../../schemas/topics.js';
import type { ClickHouse } from '../../../services/shared/clickhouse/client.js';
import { elapsedMs, sleep } from '../../../services/shared/clock.js';
import type { Stream } from '../../../services/shared/core/record.js';

const LOOK_EVERY_MS = 250;
const NO_PROGRESS_MS = 300_000;

export interface Progress {
  /** Records that are durable and told apart from their copies. */
  readonly next: number;
  /** Rows hold what release records below this offset say. */
  readonly swept: number;
  /** Inferences that have found the payments that name them. */
  readonly linked: number;
}

export async function progressOf(database: ClickHouse, prefix: string): Promise<(stream: Stream) => Progress> {
  const rows = await database.select<{ topic: string } & Record<keyof Progress, string>>(
    `SELECT topic, sum(next_offset) AS next, min(release_offset) AS swept, min(arraySum(mapValues(linked))) AS linked
     FROM progress WHERE topic != '' GROUP BY topic`,
  );
  return (stream) => {
    const row = rows.find(({ topic }) => topic === topicName(stream, prefix));
    return { next: Number(row?.next ?? 0), swept: Number(row?.swept ?? 0), linked: Number(row?.linked ?? 0) };
  };
}

/** Seconds after which each stream was applied; `links`: all payments joined with all inferences. */
export type AppliedAfter = Readonly<Partial<Record<Stream | 'links', number>>>;

/** Waits until all that was sent is applied, told apart, swept and linked. Throws when nothing moves any more. */
export async function untilApplied(
  database: ClickHouse,
  prefix: string,
  sent: Readonly<Record<Stream, number>>,
): Promise<AppliedAfter> {
  const startMs = elapsedMs();
  const after: Partial<Record<Stream | 'links', number>> = {};
  const streams = Object.keys(sent) as Stream[];
  let before = '';
  let movedAtMs = startMs;
  while (Object.keys(after).length < streams.length + 1) {
    const progress = await progressOf(database, prefix);
    const seconds = (elapsedMs() - startMs) / 1000;
    for (const stream of streams) {
      const swept = stream !== 'inferences' || progress(stream).swept >= sent.releases;
      if (progress(stream).next >= sent[stream] && swept) after[stream] ??= seconds;
    }
    if (progress('payments').linked >= sent.inferences && after.payments !== undefined) after.links ??= seconds;
    const state = JSON.stringify(streams.map((stream) => progress(stream)));
    if (state !== before) movedAtMs = elapsedMs();
    before = state;
    if (elapsedMs() - movedAtMs > NO_PROGRESS_MS) throw new Error(`nothing moves any more: ${state}`);
    await sleep(LOOK_EVERY_MS);
  }
  return after;
}
