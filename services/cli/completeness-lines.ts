import { isoFromMs } from '../shared/core/time.js';
import type { PartitionReport, TopicReport } from './completeness-run.js';
import { printable, tableLines, type Column } from './table.js';

/** So many lines of a kind for people; --json has more. */
const LINES_MAX = 20;

const COLUMNS: readonly Column[] = [
  { title: 'topic' },
  ...['part', 'first', 'last', 'applied', 'duplicate', 'conflicts', 'dead', 'gaps', 'missing', 'lag'].map((title) => ({
    title,
    align: 'right' as const,
  })),
];

/** A table of all partitions; below it what is missing and what contradicts. */
export function completenessLines(topics: readonly TopicReport[]): string[] {
  const rows = topics.flatMap(({ topic, partitions }) =>
    partitions.map((one) => [
      topic,
      String(one.partition),
      one.first?.toString() ?? '-',
      one.last?.toString() ?? '-',
      ...[one.applied, one.duplicate, one.conflicts, one.deadLettered, one.gaps, one.missing, one.lag].map(String),
    ]),
  );
  const missing = missingOf(topics).map(
    ({ topic, partition, from, to }) => `missing: ${topic} partition ${partition} offsets ${from} to ${to - 1n}`,
  );
  const conflicts = conflictsOf(topics).map(
    ({ topic, partition, offset, event_id: event, of_partition: ofPartition, of_offset: ofOffset }) =>
      `EVENT_ID_CONFLICT: ${topic} partition ${partition} offset ${offset}, event ${printable(event)}, ` +
      `differs from partition ${ofPartition} offset ${ofOffset}`,
  );
  const lost = topics.flatMap((one) =>
    one.lost.map(
      ({ topic, partition, from, to, appendedAfterMs, appendedBeforeMs }) =>
        `lost: ${topic} partition ${partition} offsets ${from} to ${to - 1n}, deleted before they were read; appended ` +
        `${appendedAfterMs === 0 ? '' : `from ${isoFromMs(appendedAfterMs)} `}to ${isoFromMs(appendedBeforeMs)}`,
    ),
  );
  const sections = [missing, lost, conflicts]
    .filter((lines) => lines.length > 0)
    .map((lines) => ['', ...atMost(lines)]);
  return [...tableLines(COLUMNS, rows), ...sections.flat()];
}

/** The shape that scripts rely on. Offsets are strings, counts numbers; `to` is the offset after the last one. */
export function completenessJson(topics: readonly TopicReport[]): unknown {
  return {
    complete: isComplete(topics),
    topics: topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.map(partitionJson) })),
    missing: missingOf(topics),
    lost: topics.flatMap((one) => one.lost.map(lostJson)),
    replaced: replacedOf(topics),
    conflicts: conflictsOf(topics),
  };
}

/** Answers as known before `appended_after` lack nothing of it. */
function lostJson({ topic, partition, from, to, appendedAfterMs, appendedBeforeMs }: TopicReport['lost'][number]) {
  const [after, before] = [isoFromMs(appendedAfterMs), isoFromMs(appendedBeforeMs)];
  return {
    topic,
    partition,
    from,
    to,
    records_at_most: Number(to - from),
    appended_after: after,
    appended_before: before,
  };
}

function replacedOf(topics: readonly TopicReport[]): { topic: string; partition: number; reason: string }[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.flatMap(({ partition, otherLog: reason }) => (reason === null ? [] : { topic, partition, reason })),
  );
}

function partitionJson(one: PartitionReport): unknown {
  return {
    partition: one.partition,
    first: one.first,
    last: one.last,
    next_offset: one.nextOffset,
    applied: Number(one.applied),
    duplicate: Number(one.duplicate),
    conflicts: Number(one.conflicts),
    dead_lettered: Number(one.deadLettered),
    gaps: Number(one.gaps),
    missing: Number(one.missing),
    lag: Number(one.lag),
  };
}

/** What to say of it all, and whether it is well. */
export function completenessSentences(topics: readonly TopicReport[]): { complete: boolean; sentences: string[] } {
  const all = topics.flatMap(({ topic, partitions }) => partitions.map((one) => ({ ...one, topic })));
  const missing = all.reduce((sum, one) => sum + one.missing, 0n);
  const lag = all.reduce((sum, one) => sum + one.lag, 0n);
  const complete = isComplete(topics);
  const sentences = replacedOf(topics).map(
    ({ reason }) => `${reason}: it is another log. See LOG_REPLACED in the runbook.`,
  );
  if (missing !== 0n)
    sentences.push(
      `${missing} offsets are missing: neither applied nor declared. See "Missing offsets" in the runbook.`,
    );
  if (complete) sentences.push('Every offset up to what is applied is accounted for.');
  if (lag > 0n) sentences.push(`${lag} offsets are not applied yet.`);
  return { complete, sentences };
}

function isComplete(topics: readonly TopicReport[]): boolean {
  return topics.every(({ partitions }) => partitions.every((one) => one.missing === 0n && one.otherLog === null));
}

function missingOf(topics: readonly TopicReport[]): { topic: string; partition: number; from: bigint; to: bigint }[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.flatMap(({ partition, missingRanges }) =>
      missingRanges.map((range) => ({ topic, partition, ...range })),
    ),
  );
}

function conflictsOf(topics: readonly TopicReport[]): (TopicReport['conflicts'][number] & { topic: string })[] {
  return topics.flatMap(({ topic, conflicts }) => conflicts.map((one) => ({ topic, ...one })));
}

function atMost(lines: readonly string[]): string[] {
  const more = lines.length - LINES_MAX;
  return more > 0 ? [...lines.slice(0, LINES_MAX), `and ${more} more (--json)`] : [...lines];
}
