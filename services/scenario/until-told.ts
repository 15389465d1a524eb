import type { ClickHouse } from '../shared/clickhouse/client.js';
import { elapsedMs, sleep } from '../shared/clock.js';
import { groupBy } from '../shared/core/group.js';
import type { Stream } from '../shared/core/record.js';
import { OUTAGE_MAX_MS } from '../shared/runtime/patience.js';

/** What a story has sent. */
export interface Sent {
  /** Topic of each stream. */
  readonly topics: Readonly<Record<Stream, string>>;
  /** Number of records of each stream. */
  readonly counts: Readonly<Record<Stream, number>>;
}

interface ProgressRow {
  readonly service: string;
  readonly topic: string;
  readonly partition: number;
  readonly next_offset: string;
  readonly release_offset: string;
  readonly linked: Readonly<Record<string, string>>;
}

/** How far a topic is: records applied in all its partitions, and what the least of these is swept and linked to. */
interface Told {
  readonly applied: number;
  readonly swept: number;
  readonly linked: number;
}

// A story takes a few hundred milliseconds, and each look takes a few of the database's.
// On a busy machine it takes longer, and looks as often as on a quiet one would make it longer still.
const FIRST_LOOK_MS = 250;
const LOOK_MS = 75;
const LOOK_GROWTH = 1.5;
const LOOK_MAX_MS = 1_000;
const NO_PROGRESS_MS = OUTAGE_MAX_MS;

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
    // Plain rows: grouping them there would double what a look costs.
    const rows = await database.select<ProgressRow>(
      `SELECT service, topic, partition, next_offset, release_offset, linked FROM progress
       ORDER BY service, topic, partition`,
    );
    const waits = waitsFor(sent, toldOf(rows));
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

function toldOf(rows: readonly ProgressRow[]): ReadonlyMap<string, Told> {
  const readers = rows.filter(({ service }) => service !== 'window');
  const sum = (values: readonly string[]): number => values.reduce((total, value) => total + Number(value), 0);
  return new Map(
    [...groupBy(readers, ({ topic }) => topic)].map(([topic, partitions]) => [
      topic,
      {
        applied: sum(partitions.map((row) => row.next_offset)),
        swept: Math.min(...partitions.map((row) => Number(row.release_offset))),
        linked: Math.min(...partitions.map((row) => sum(Object.values(row.linked)))),
      },
    ]),
  );
}

function waitsFor({ topics, counts }: Sent, told: ReadonlyMap<string, Told>): string[] {
  const streams = Object.keys(topics) as Stream[];
  const unread = streams.filter((stream) => (told.get(topics[stream])?.applied ?? 0) < counts[stream]);
  const { inferences, payments } = topics;
  return [
    ...unread.map((stream) => topics[stream]),
    ...((told.get(inferences)?.swept ?? 0) < counts.releases ? [`releases in ${inferences}`] : []),
    ...((told.get(payments)?.linked ?? 0) < counts.inferences ? [`inferences in ${payments}`] : []),
  ];
}
