import { topicName } from '../../schemas/topics.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import {
  accountFor,
  conflictsOf,
  missingRanges,
  type Account,
  type Conflict,
  type OffsetRange,
} from '../shared/clickhouse/completeness.js';
import { clickHouseCopies } from '../shared/clickhouse/copies.js';
import { readLost, type Lost } from '../shared/clickhouse/gap-bounds.js';
import { READERS, readLeftAt } from '../shared/clickhouse/progress-rows.js';
import type { Stream } from '../shared/core/record.js';
import { createAdmin, type LogAdmin } from '../shared/kafka/admin.js';
import { patiently, type Patience } from '../shared/runtime/patience.js';
import { otherLogFromStart } from '../shared/runtime/log-check.js';
import type { PartitionOffsets } from '../shared/runtime/ports.js';
import type { CompletenessOptions } from './completeness.js';
import { completenessJson, completenessLines, completenessSentences } from './completeness-lines.js';
import { printJson, say, type CliContext } from './context.js';
import { EXIT } from './exit.js';
import { configWithStack } from './stack-config.js';

/** So many of a kind are named; a topic whose table is lost has no end of them. */
const NAMED_MAX = 1_000;

export interface PartitionReport extends Account {
  readonly partition: number;
  /** First and last offset that the log has; null while it has none. */
  readonly first: bigint | null;
  readonly last: bigint | null;
  /** Everything below is applied. */
  readonly nextOffset: bigint;
  readonly missing: bigint;
  readonly missingRanges: readonly OffsetRange[];
  /** Offsets of the log that are not applied yet. */
  readonly lag: bigint;
  /** Why it is not the log that was applied; null when it is. */
  readonly otherLog: string | null;
}

export interface TopicReport {
  readonly topic: string;
  readonly partitions: readonly PartitionReport[];
  readonly conflicts: readonly Conflict[];
  /** What the log deleted before it was read. */
  readonly lost: readonly Lost[];
}

export async function accountForTopics(options: CompletenessOptions, context: CliContext): Promise<void> {
  const config = await configWithStack(context);
  const patience: Patience = {
    signal: context.signal,
    say: (sentence) => {
      say(context, sentence);
    },
  };
  const database = connectClickHouse(config.reader);
  const topics: TopicReport[] = [];
  try {
    const admin = await patiently(() => createAdmin(config.kafka), patience);
    try {
      for (const stream of Object.keys(READERS) as Stream[]) {
        const topic = topicName(stream, config.kafka.topicPrefix);
        topics.push(await patiently(() => reportOn(stream, topic, { database, admin }), patience));
      }
    } finally {
      await admin.close();
    }
  } finally {
    await database.close();
  }
  if (options.json) printJson(context, completenessJson(topics));
  else for (const line of completenessLines(topics)) context.stdout.write(`${line}\n`);
  const { complete, sentences } = completenessSentences(topics);
  for (const sentence of sentences) say(context, sentence);
  if (!complete) context.endWith(EXIT.findings);
}

async function reportOn(
  stream: Stream,
  topic: string,
  { database, admin }: { readonly database: ClickHouse; readonly admin: LogAdmin },
): Promise<TopicReport> {
  // Progress first: what is applied meanwhile lies behind it, and does not count.
  const left = await readLeftAt(database, READERS[stream], topic);
  const offsets = await admin.offsets(topic);
  const below = new Map(offsets.map(({ partition }) => [partition, left.get(partition)?.nextOffset ?? 0n]));
  const accounts = await accountFor(database, { stream, topic, below });
  const held = clickHouseCopies(database);
  const partitions: PartitionReport[] = [];
  for (const found of offsets) {
    const { partition } = found;
    const account = accounts.get(partition) ?? NOTHING;
    const nextOffset = below.get(partition) ?? 0n;
    const missing = nextOffset - account.applied - account.duplicate - account.deadLettered - account.gaps;
    const missingFrom = { stream, topic, partition, below: nextOffset };
    const ranges = missing === 0n ? [] : await missingRanges(database, missingFrom, NAMED_MAX);
    partitions.push({
      partition,
      ...spanOf(found, nextOffset),
      nextOffset,
      ...account,
      missing,
      missingRanges: ranges,
      otherLog: await otherLogFromStart(
        [{ partition, nextOffset, settled: { offset: nextOffset, untilMs: left.get(partition)?.appliedUntilMs ?? 0 } }],
        { stream, topic, log: admin, held },
      ),
    });
  }
  const conflicting = partitions.some(({ conflicts }) => conflicts > 0n);
  const conflicts = conflicting ? await conflictsOf(database, stream, NAMED_MAX) : [];
  return { topic, partitions, conflicts, lost: await readLost(database, topic, NAMED_MAX) };
}

const NOTHING: Account = { applied: 0n, duplicate: 0n, conflicts: 0n, deadLettered: 0n, gaps: 0n };

function spanOf({ low, high }: PartitionOffsets, nextOffset: bigint): Pick<PartitionReport, 'first' | 'last' | 'lag'> {
  const empty = low === high;
  return {
    first: empty ? null : low,
    last: empty ? null : high - 1n,
    lag: high > nextOffset ? high - nextOffset : 0n,
  };
}
