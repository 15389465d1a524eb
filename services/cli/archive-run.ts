import { join } from 'node:path';

import { TOPICS, topicName, type TopicStream } from '../../schemas/topics.js';
import { withLock } from '../../infra/embedded/lock.js';
import { archiveTopics, type ArchiveRun } from '../archive/archive.js';
import { translated } from '../archive/folder-store.js';
import { openStore } from '../archive/open-store.js';
import { placeOf, type Place } from '../archive/place.js';
import type { SegmentLimits } from '../archive/segment-writer.js';
import { rangesOf } from '../archive/verify.js';
import { inputTopic } from '../dlq/position.js';
import { elapsedMs, sleep } from '../shared/clock.js';
import type { Config } from '../shared/config.js';
import { createAdmin } from '../shared/kafka/admin.js';
import { registryRest } from '../shared/kafka/registry-rest.js';
import { readSpans } from '../shared/kafka/span-reader.js';
import { patiently } from '../shared/runtime/patience.js';
import type { ArchiveCommandOptions } from './archive.js';
import { lostLines, rangeLines } from './archive-lines.js';
import { patienceOf } from './archive-patience.js';
import { wholeNumberArgument } from './arguments.js';
import { printJson, say, type CliContext } from './context.js';
import { EXIT, usageError } from './exit.js';
import { progressLine } from './progress.js';
import { configWithStack } from './stack-config.js';

const SEGMENT_BYTES = 64 * 1024 * 1024;
const TOLD_MS = 1_000;
/** A file is put into a bucket in one piece. */
const SEGMENT_BYTES_MAX = 1024 * 1024 * 1024;

/** `backtrail archive` */
export async function runArchive(options: ArchiveCommandOptions, context: CliContext): Promise<void> {
  if (options.to === undefined) throw usageError('--to says where the archive is: a folder, or s3://bucket/prefix');
  const place = placeOf(options.to);
  const limits = limitsOf(options);
  const config = await configWithStack(context);
  const topics = topicsOf(options.topic, config.kafka.topicPrefix);
  const run = await alone(place, context, () => archive(place, { config, topics, limits, context }));
  report(place, run, { json: options.json === true, context });
}

interface Order {
  readonly config: Config;
  readonly topics: readonly string[];
  readonly limits: SegmentLimits;
  readonly context: CliContext;
}

async function archive(place: Place, { config, topics, limits, context }: Order): Promise<ArchiveRun> {
  const { signal } = context;
  const patience = patienceOf(context);
  const line = progressLine(context.stderr, context.env);
  const startMs = elapsedMs();
  let read = 0;
  const registry = registryRest(config.registry);
  const store = await openStore(place, config.archive);
  try {
    const log = await patiently(() => createAdmin(config.kafka), patience);
    try {
      return await archiveTopics(
        {
          store,
          log,
          read: (reading) => readSpans(config.kafka, reading),
          schema: (id) => registry.schemaText(id),
          patiently: (action) => patiently(action, patience),
        },
        {
          ...{ topics, limits, signal },
          onRead: (records) => {
            read += records;
            const rate = Math.round((read * 1000) / Math.max(1, elapsedMs() - startMs));
            line.update(`${String(read)} records archived, ${String(rate)}/s`);
          },
        },
      );
    } finally {
      await log.close();
    }
  } finally {
    line.clear();
    await store.close();
  }
}

/** A folder has one writer at a time; of a bucket the manifest itself tells. */
async function alone<T>(place: Place, context: CliContext, act: () => Promise<T>): Promise<T> {
  if (place.kind === 's3') return act();
  const taken = new AbortController();
  const told = (): void => {
    // The lock of one that was killed is gone in a moment.
    void sleep(TOLD_MS, taken.signal).then(() => {
      if (!taken.signal.aborted) say(context, `Waiting: another run adds to ${place.name}.`);
    });
  };
  const begun = (): Promise<T> => {
    taken.abort();
    return act();
  };
  return withLock(join(place.path, '.lock'), told, begun).catch((error: unknown) => {
    throw error instanceof Error && 'syscall' in error ? translated(place.name, error) : error;
  });
}

function report(
  place: Place,
  { root, added, lost }: ArchiveRun,
  { json, context }: { readonly json: boolean; readonly context: CliContext },
): void {
  const sum = (of: (one: (typeof added)[number]) => number): number => added.reduce((all, one) => all + of(one), 0);
  const [records, bytes] = [sum((one) => one.records), sum((one) => one.bytes)];
  if (json) printJson(context, { archive: place.name, root, segments: added, records, bytes, lost });
  else if (added.length > 0) for (const line of rangeLines(rangesOf(added))) context.stdout.write(`${line}\n`);
  for (const line of lostLines(lost)) say(context, line);
  if (!json) say(context, added.length === 0 ? `${place.name} has everything already.` : `root ${root}`);
  if (lost.length > 0) context.endWith(EXIT.findings);
}

function limitsOf({ segmentRecords, segmentBytes }: ArchiveCommandOptions): SegmentLimits {
  const records = segmentRecords === undefined ? Infinity : wholeNumberArgument('--segment-records', segmentRecords, 1);
  const bytes = segmentBytes === undefined ? SEGMENT_BYTES : wholeNumberArgument('--segment-bytes', segmentBytes, 1);
  if (bytes > SEGMENT_BYTES_MAX) throw usageError(`--segment-bytes is at most ${SEGMENT_BYTES_MAX}: ${bytes}`);
  return { records, bytes };
}

/** In the order of the table of topics. */
function topicsOf(names: readonly string[] | undefined, prefix: string): string[] {
  const wanted = names?.map((name) => {
    const topic = inputTopic(name, prefix);
    if (topic === null) throw usageError(`--topic is not one of the input topics: ${name}`);
    return topic;
  });
  return (Object.keys(TOPICS) as TopicStream[])
    .filter((stream) => TOPICS[stream].role === 'input')
    .map((stream) => topicName(stream, prefix))
    .filter((topic) => wanted === undefined || wanted.includes(topic));
}
