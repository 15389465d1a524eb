import { z } from 'zod';

import { topicName } from '../../schemas/topics.js';
import type { Stream } from '../shared/core/record.js';
import type { TrailSettings } from '../shared/core/trail.js';
import { BacktrailError } from '../shared/errors.js';
import type { LogSpans } from '../shared/runtime/ports.js';

/** What a replay is about. Other models' records are read too: payments and agents reach across models. */
export interface Scope {
  readonly model: string;
  readonly release?: string | undefined;
  readonly activation?: number | undefined;
  /** Event times in microseconds, half-open. */
  readonly fromMicros?: number | undefined;
  readonly toMicros?: number | undefined;
}

/** Offsets of a partition that are read: [from, to). What lies below `from` was not in the log any more. */
export interface Range {
  readonly topic: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
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
}

export const STREAMS: readonly Stream[] = ['releases', 'inferences', 'proofs', 'agents', 'payments'];

const offset = z.string().regex(/^\d+$/);
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
  ranges: z.array(z.strictObject({ topic: z.string(), partition: z.number().int().min(0), from: offset, to: offset })),
});

/** A manifest by itself, or within the report of a run. Throws CONFIG_INVALID with what is wrong. */
export function parseManifest(text: string): Manifest {
  try {
    const read: unknown = JSON.parse(text);
    const isReport = typeof read === 'object' && read !== null && 'manifest' in read;
    return manifestShape.parse(isReport ? read.manifest : read);
  } catch (cause) {
    const [issue] = cause instanceof z.ZodError ? cause.issues : [];
    const what = issue === undefined ? 'it is no JSON' : `${issue.path.join('.')}: ${issue.message}`;
    throw new BacktrailError('CONFIG_INVALID', `the manifest cannot be read: ${what}`, { cause });
  }
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

/** Where each partition of a topic begins and ends for the run. */
export function spansOf(
  { ranges }: Pick<Manifest, 'ranges'>,
  topic: string,
): ReadonlyMap<number, { readonly from: bigint; readonly to: bigint }> {
  return new Map(
    ranges
      .filter((range) => range.topic === topic)
      .map(({ partition, from, to }) => [partition, { from: BigInt(from), to: BigInt(to) }]),
  );
}
