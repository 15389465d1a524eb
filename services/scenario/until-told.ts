import type { ClickHouse } from '../shared/clickhouse/client.js';
import { elapsedMs, sleep } from '../shared/clock.js';
import type { Stream } from '../shared/core/record.js';

/** What a story has sent. */
export interface Sent {
  /** Topic of each stream. */
  readonly topics: Readonly<Record<Stream, string>>;
  /** Number of records of each stream. */
  readonly counts: Readonly<Record<Stream, number>>;
}

interface ProgressRow {
  readonly topic: string;
  readonly next: string;
  readonly swept: string;
  readonly linked: string;
}

// A story takes a few hundred milliseconds, and each look takes a few of the database's.
// On a busy machine it takes longer, and looks as often as on a quiet one would make it longer still.
const FIRST_LOOK_MS = 200;
const LOOK_MS = 50;
const LOOK_GROWTH = 1.3;
const LOOK_MAX_MS = 500;
const NO_PROGRESS_MS = 60_000;

/**
 * Waits until every record is applied and told apart from its copies, every inference is joined with every release record
 * and every payment with every inference. Throws when nothing moves any more.
 */
export async function untilTold(database: ClickHouse, sent: Sent, signal: AbortSignal): Promise<void> {
  let movedAtMs = elapsedMs();
  let before = '';
  let waitMs = LOOK_MS;
  await sleep(FIRST_LOOK_MS, signal);
  for (;;) {
    const rows = await database.select<ProgressRow>(
      `SELECT topic, sum(next_offset) AS next, min(release_offset) AS swept,
         min(arraySum(mapValues(linked))) AS linked
       FROM progress WHERE service != 'window' GROUP BY topic ORDER BY topic`,
    );
    const waits = waitsFor(sent, new Map(rows.map((row) => [row.topic, row])));
    if (waits.length === 0) return;
    const state = JSON.stringify(rows);
    if (state !== before) movedAtMs = elapsedMs();
    before = state;
    if (signal.aborted) throw new Error('interrupted');
    if (elapsedMs() - movedAtMs > NO_PROGRESS_MS) {
      throw new Error(`nothing was applied for ${NO_PROGRESS_MS / 1000} s; waiting for ${waits.join(', ')}`);
    }
    await sleep(waitMs, signal);
    waitMs = Math.min(waitMs * LOOK_GROWTH, LOOK_MAX_MS);
  }
}

function waitsFor({ topics, counts }: Sent, rows: ReadonlyMap<string, ProgressRow>): string[] {
  const streams = Object.keys(topics) as Stream[];
  const unread = streams.filter((stream) => Number(rows.get(topics[stream])?.next ?? 0) < counts[stream]);
  const { inferences, payments } = topics;
  return [
    ...unread.map((stream) => topics[stream]),
    ...(Number(rows.get(inferences)?.swept ?? 0) < counts.releases ? [`releases in ${inferences}`] : []),
    ...(Number(rows.get(payments)?.linked ?? 0) < counts.inferences ? [`inferences in ${payments}`] : []),
  ];
}
