import { z } from 'zod';

import { topicName } from '../../schemas/topics.js';
import type { Stream } from '../shared/core/record.js';
import type { TrailSettings } from '../shared/core/trail.js';
import { BacktrailError } from '../shared/errors.js';
import type { LogSpans } from '../shared/runtime/ports.js';
import { clipped, offsetsIn, parseRanges, type Span } from './ranges.js';

/** What a replay is about. Other models' records are read too: payments and agents reach across models. */
export interface Scope {
  readonly model: string;
  readonly release?: string | undefined;
  readonly activation?: number | undefined;
  /** Event times in microseconds, half-open. */
  readonly fromMicros?: number | undefined;
  readonly toMicros?: number | undefined;
}

/** A span of time and no release: what is said of windows as a whole is not about it. */
export function isTime({ release, fromMicros, toMicros }: Scope): boolean {
  return release === undefined && (fromMicros !== undefined || toMicros !== undefined);
}

/** Offsets of a partition: [from, to). What lies below `from` was not in the log any more. */
export interface Range {
  readonly topic: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
  /** Which of them are read, as `0-100,250-251`; all where it is missing. */
  readonly read?: string | undefined;
  /** Of a run that is done: what was read (services/replay/log-content.ts). */
  readonly records?: number | undefined;
  readonly content?: string | undefined;
}

/** All that a run depends on: the same manifest gives the same rows. */
export interface Manifest {
  readonly format: 1;
  /** Version of the package. */
  readonly code: string;
  readonly scope: Scope;
  /** Only records appended up to then are read; null: all that there were. */
  readonly known_at_ms: number | null;
  readonly settings: TrailSettings;
  readonly ranges: readonly Range[];
  /** Of a run that is done: the fingerprint of each schema that a record names; null for one that is not Avro or not known. */
  readonly schemas?: Readonly<Record<string, string | null>> | undefined;
}

export const STREAMS: readonly Stream[] = ['releases', 'inferences', 'proofs', 'agents', 'payments'];

const offset = z.string().regex(/^\d+$/);
const rangeShape = z.strictObject({
  topic: z.string(),
  partition: z.number().int().min(0),
  from: offset,
  to: offset,
  read: z.string().optional(),
  records: z.number().int().min(0).optional(),
  content: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
const manifestShape = z.strictObject({
  format: z.literal(1),
  code: z.string(),
  scope: z.strictObject({
    model: z.string().min(1),
    release: z.string().optional(),
    activation: z.number().int().min(1).optional(),
    fromMicros: z.number().int().optional(),
    toMicros: z.number().int().optional(),
  }),
  known_at_ms: z.number().int().nullable(),
  settings: z.strictObject({ proofDeadlineMicros: z.number(), agentDelayMicros: z.number() }),
  ranges: z.array(rangeShape),
  schemas: z.record(z.string().regex(/^\d+$/), z.string().nullable()).optional(),
});

/** A manifest by itself, or within the report of a run. Throws CONFIG_INVALID with what is wrong. */
export function parseManifest(text: string): Manifest {
  try {
    const read: unknown = JSON.parse(text);
    const isReport = typeof read === 'object' && read !== null && 'manifest' in read;
    const manifest = manifestShape.parse(isReport ? read.manifest : read);
    for (const range of manifest.ranges) spanOf(range);
    return manifest;
  } catch (cause) {
    if (cause instanceof BacktrailError) throw cause;
    const [issue] = cause instanceof z.ZodError ? cause.issues : [];
    const what = issue === undefined ? 'it is no JSON' : `${issue.path.join('.')}: ${issue.message}`;
    throw new BacktrailError('CONFIG_INVALID', `the manifest cannot be read: ${what}`, { cause });
  }
}

/** What a run was to read, without what it found: two that agree in this are the same run. */
export function planOf({ schemas: _schemas, ...manifest }: Manifest): Manifest {
  const ranges = manifest.ranges.map(({ records: _records, content: _content, ...range }) => range);
  return { ...manifest, ranges };
}

/** Fixes what there is to read, at this moment. */
export async function planRanges(
  log: LogSpans,
  { topicPrefix, knownAtMs }: { readonly topicPrefix: string; readonly knownAtMs: number | null },
): Promise<Range[]> {
  // Releases last: of what the others hold, nothing was appended before a release record that is not read.
  const ranges: Range[] = [];
  for (const stream of [...STREAMS].reverse()) {
    const topic = topicName(stream, topicPrefix);
    const spans = await log.offsets(topic);
    // Append times only grow within a partition, so what was known at a time is what lies below an offset.
    const later = knownAtMs === null ? null : await log.firstSince(topic, knownAtMs + 1);
    for (const { partition, low, high } of spans) {
      const known = later?.get(partition) ?? high;
      const to = known < low ? low : known;
      ranges.push({ topic, partition, from: low.toString(), to: to.toString() });
    }
  }
  return ranges;
}

/** Throws CONFIG_INVALID for ranges that are none, or lie outside. */
export function spanOf({ topic, partition, from, to, read }: Range): Span {
  const whole = { from: BigInt(from), to: BigInt(to) };
  if (read === undefined) return { ...whole, ranges: clipped([whole], whole) };
  const ranges = parseRanges(read);
  // The first record that the log had says up to when older ones were appended.
  const isInside = offsetsIn(clipped(ranges, whole)) === offsetsIn(ranges);
  const hasFirst = whole.from === 0n || whole.from === whole.to || ranges[0]?.from === whole.from;
  if (isInside && hasFirst) return { ...whole, ranges };
  throw new BacktrailError(
    'CONFIG_INVALID',
    `the ranges of ${topic} ${partition} are not within it, from its first on`,
  );
}

/** Where each partition of a topic begins and ends for the run, and what is read of it. */
export function spansOf({ ranges }: Pick<Manifest, 'ranges'>, topic: string): ReadonlyMap<number, Span> {
  return new Map(
    ranges.filter((range) => range.topic === topic).map((range) => [range.partition, spanOf(range)] as const),
  );
}

/** Records that a run reads, at most, and that there are: some offsets hold none. */
export function sizeOf({ ranges }: Pick<Manifest, 'ranges'>): { readonly records: number; readonly of: number } {
  const spans = ranges.map(spanOf);
  const sum = (sizes: readonly bigint[]): number => Number(sizes.reduce((total, size) => total + size, 0n));
  return {
    records: sum(spans.map((span) => offsetsIn(span.ranges))),
    of: sum(spans.map(({ from, to }) => to - from)),
  };
}

/** Whether something was passed over: then the run says all of its scope, and perhaps not all of anything else. */
export function isPartial({ ranges }: Pick<Manifest, 'ranges'>): boolean {
  return ranges.some(({ read }) => read !== undefined);
}
