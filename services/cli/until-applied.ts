import type { ClickHouse } from '../shared/clickhouse/client.js';
import { elapsedMs, sleep } from '../shared/clock.js';
import { OUTAGE_MAX_MS } from '../shared/runtime/patience.js';
import type { SentTopic } from './send-trail.js';
import { CommandError, EXIT } from './exit.js';

export interface WaitOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (applied: bigint, wanted: bigint) => void;
  /** So long without any progress is an error. */
  readonly patienceMs?: number;
  readonly say?: (sentence: string) => void;
}

interface ProgressRow {
  readonly service: string;
  readonly topic: string;
  readonly partition: number;
  readonly next_offset: string;
  readonly release_offset: string;
  /** Of payments: the offset of each partition of inferences below which links are found. */
  readonly linked: Readonly<Record<string, string>>;
}

const POLL_MS = 50;
const PATIENCE_MS = OUTAGE_MAX_MS;
const SAY_AFTER_MS = 20_000;
/** Its rows are the only ones that depend on what release records say of the past. */
const SWEPT_SERVICE = 'inference';
/** Its rows rest on inferences, too. */
const LINKING_SERVICE = 'payment';

/**
 * Waits until every partition is applied up to where it ended when all was sent, and the rows of requests hold what the
 * releases topic said by then, those of payments the inferences there were.
 */
export async function untilApplied(
  database: ClickHouse,
  sent: readonly SentTopic[],
  options: WaitOptions,
): Promise<void> {
  const wanted = sent.reduce(
    (sum, { partitions }) => sum + partitions.reduce((all, { from, to }) => all + to - from, 0n),
    0n,
  );
  const releasesEnd = sent.find(({ stream }) => stream === 'releases')?.partitions[0]?.to ?? 0n;
  const inferences = sent.find(({ stream }) => stream === 'inferences')?.partitions ?? [];
  let movedAtMs = elapsedMs();
  let before = '';
  let told = false;
  for (;;) {
    const rows = await database.select<ProgressRow>(
      'SELECT service, topic, partition, next_offset, release_offset, linked FROM progress',
    );
    const open = sent.flatMap((topic) => openPartitions(topic, rows));
    const unswept = rows.filter(
      ({ service, next_offset: next, release_offset: known }) =>
        service === SWEPT_SERVICE && BigInt(next) > 0n && BigInt(known) < releasesEnd,
    );
    const unlinked = rows
      .filter((row) => row.service === LINKING_SERVICE && BigInt(row.next_offset) > 0n)
      .filter(({ linked }) => inferences.some(({ partition, to }) => BigInt(linked[partition] ?? 0) < to));
    if (open.length === 0 && unswept.length === 0 && unlinked.length === 0) return;
    options.onProgress(wanted - open.reduce((sum, { left }) => sum + left, 0n), wanted);
    const state = JSON.stringify(rows);
    if (state !== before) [movedAtMs, told] = [elapsedMs(), false];
    before = state;
    if (options.signal.aborted) throw new Error('interrupted');
    if (elapsedMs() - movedAtMs > (options.patienceMs ?? PATIENCE_MS)) throw stuck(open, { unswept, unlinked });
    if (!told && elapsedMs() - movedAtMs > SAY_AFTER_MS) {
      told = true;
      options.say?.('Waiting: nothing was applied for 20 s. `backtrail status` says which services run.');
    }
    await sleep(POLL_MS, options.signal);
  }
}

interface OpenPartition {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
  readonly to: bigint;
  readonly left: bigint;
}

function openPartitions({ topic, partitions }: SentTopic, rows: readonly ProgressRow[]): OpenPartition[] {
  return partitions.flatMap(({ partition, from, to }) => {
    const readers = rows.filter((row) => row.topic === topic && row.partition === partition);
    const next = readers.reduce((most, row) => (BigInt(row.next_offset) > most ? BigInt(row.next_offset) : most), 0n);
    if (to <= next || to === from) return [];
    return [{ topic, partition, next, to, left: to - (next > from ? next : from) }];
  });
}

function stuck(
  open: readonly OpenPartition[],
  { unswept, unlinked }: { unswept: readonly ProgressRow[]; unlinked: readonly ProgressRow[] },
): CommandError {
  const waits = [
    ...open.map(({ topic, partition, next, to }) => `${topic} partition ${partition} is at ${next} of ${to}`),
    ...unswept.map(
      ({ topic, partition }) => `${topic} partition ${partition} does not know the newest release records`,
    ),
    ...unlinked.map(
      ({ topic, partition }) => `${topic} partition ${partition} has not looked at the newest inferences`,
    ),
  ];
  const advice = 'Are the services running? `backtrail status` says so, their logs say why not.';
  return new CommandError(EXIT.failure, `nothing is applied any more: ${waits.join('; ')}. ${advice}`);
}
