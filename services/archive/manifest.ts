import { createHash } from 'node:crypto';

import { z } from 'zod';

import { BacktrailError } from '../shared/errors.js';
import type { SchemaText } from '../shared/kafka/registry-rest.js';

/** Its name in the archive. It is written last: what it does not list is not there yet. */
export const MANIFEST = 'manifest.json';

/** One file: all records of a range of offsets, [from, to). */
export interface Segment {
  readonly topic: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
  /** Offsets from here up to `from` had been deleted by retention before they were archived; null: nothing lacks. */
  readonly lost_from: string | null;
  readonly file: string;
  readonly records: number;
  readonly bytes: number;
  /** Of the file. */
  readonly sha256: string;
  /** Least and greatest time of its records; null without records. */
  readonly appended_from_ms: number | null;
  readonly appended_until_ms: number | null;
  /**
   * Offsets in the range that are nobody's record, as [from, to): the log had none there when it was read. Markers of
   * transactions, records of transactions that were aborted, what compaction took.
   */
  readonly missing: readonly (readonly [string, string])[];
  /** The schema ids that values name, and the SHA-256 of the schema; null: the registry did not know the id. */
  readonly schemas: Readonly<Record<string, string | null>>;
}

/** A segment and what it is chained by: the SHA-256 of it and of the link before it. */
export interface Linked extends Segment {
  readonly link: string;
}

export interface ArchiveManifest {
  readonly format: 1;
  /** In the order in which they were archived. */
  readonly segments: readonly Linked[];
  /** By their ids in the registry. */
  readonly schemas: Readonly<Record<string, SchemaText>>;
  /** The last link: whoever knows it can tell that nothing of the archive is another. */
  readonly root: string;
}

/** What the first segment is chained to. */
export const FIRST_LINK = createHash('sha256').update('backtrail archive 1').digest('hex');
export const EMPTY: ArchiveManifest = { format: 1, segments: [], schemas: {}, root: FIRST_LINK };

/** Wide enough for every offset, so that names sort as their ranges do. */
const OFFSET_DIGITS = 19;

/** The name of a segment's file says its range. */
export function fileOf({ topic, partition, from, to }: Pick<Segment, 'topic' | 'partition' | 'from' | 'to'>): string {
  const [first, end] = [from, to].map((offset) => offset.padStart(OFFSET_DIGITS, '0'));
  return `${topic}/${String(partition)}/${String(first)}-${String(end)}.avro`;
}

export function linkOf(before: string, segment: Segment): string {
  const { topic, partition, from, to, lost_from: lost, file, records, bytes, sha256, missing } = segment;
  const said = [topic, partition, from, to, lost, file, records, bytes, sha256];
  const times = [segment.appended_from_ms, segment.appended_until_ms];
  const schemas = Object.entries(segment.schemas).sort(([a], [b]) => Number(a) - Number(b));
  return sha256Of(JSON.stringify([before, ...said, ...times, missing, schemas]));
}

export function schemaHash({ type, schema, references }: SchemaText): string {
  return sha256Of(JSON.stringify([type, schema, references]));
}

/** A line for each segment, so that people can read it and compare two. */
export function manifestText({ format, segments, schemas, root }: ArchiveManifest): string {
  const lines = segments.map((segment) => JSON.stringify(segment)).join(',\n');
  const texts = Object.entries(schemas).map(([id, schema]) => `${JSON.stringify(id)}:${JSON.stringify(schema)}`);
  return [
    `{"format":${String(format)},"root":${JSON.stringify(root)},`,
    `"schemas":{\n${texts.join(',\n')}\n},`,
    `"segments":[\n${lines}\n]}\n`,
  ].join('\n');
}

const offset = z.string().regex(/^(0|[1-9]\d{0,18})$/);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().min(0);
const manifestShape = z.strictObject({
  format: z.literal(1),
  root: hash,
  schemas: z.record(
    z.string().regex(/^\d+$/),
    z.strictObject({ type: z.string(), schema: z.string(), references: z.array(z.string()) }),
  ),
  segments: z.array(
    z.strictObject({
      // As Kafka has names: it becomes a folder.
      topic: z.string().regex(/^(?!\.\.?$)[a-zA-Z0-9._-]{1,249}$/),
      partition: count,
      from: offset,
      to: offset,
      lost_from: offset.nullable(),
      file: z.string(),
      records: count,
      bytes: count,
      sha256: hash,
      appended_from_ms: z.number().int().nullable(),
      appended_until_ms: z.number().int().nullable(),
      missing: z.array(z.tuple([offset, offset])),
      schemas: z.record(z.string().regex(/^-?\d+$/), hash.nullable()),
      link: hash,
    }),
  ),
});

/** Throws ARCHIVE_DAMAGED with what is wrong. */
export function parseManifest(text: string): ArchiveManifest {
  let manifest: ArchiveManifest;
  try {
    manifest = manifestShape.parse(JSON.parse(text));
  } catch (cause) {
    const [issue] = cause instanceof z.ZodError ? cause.issues : [];
    const what = issue === undefined ? 'it is no JSON' : `${issue.path.join('.')}: ${issue.message}`;
    throw new BacktrailError('ARCHIVE_DAMAGED', `the manifest of the archive cannot be read: ${what}`, { cause });
  }
  const astray = manifest.segments.find((segment) => segment.file !== fileOf(segment));
  if (astray === undefined) return manifest;
  throw new BacktrailError('ARCHIVE_DAMAGED', `the manifest of the archive has ${astray.file} for ${fileOf(astray)}`);
}

/** Offsets that retention took before they were archived. */
export type LostRange = Pick<Segment, 'topic' | 'partition' | 'from' | 'to'>;

export function lostIn(segments: readonly Segment[]): LostRange[] {
  return segments.flatMap(({ topic, partition, from, lost_from: lost }) =>
    lost === null ? [] : [{ topic, partition, from: lost, to: from }],
  );
}

/** What an archive holds of a partition: segments without a gap in between but those that are declared. */
export interface Archived {
  readonly from: bigint;
  readonly to: bigint;
  readonly segments: readonly Segment[];
  /** The greatest time of all; null without records. */
  readonly appendedUntilMs: number | null;
}

/** By partition. */
export function archivedOf({ segments }: Pick<ArchiveManifest, 'segments'>, topic: string): Map<number, Archived> {
  const byPartition = new Map<number, Segment[]>();
  for (const segment of segments) {
    if (segment.topic !== topic) continue;
    const before = byPartition.get(segment.partition);
    if (before === undefined) byPartition.set(segment.partition, [segment]);
    else before.push(segment);
  }
  return new Map([...byPartition].map(([partition, some]) => [partition, spanOf(some)]));
}

function spanOf(segments: readonly Segment[]): Archived {
  const [first, last] = [segments[0], segments.at(-1)];
  return {
    from: BigInt(first?.from ?? 0),
    to: BigInt(last?.to ?? 0),
    segments,
    appendedUntilMs: segments.reduce<number | null>((most, { appended_until_ms: ms }) => {
      return ms !== null && (most === null || ms > most) ? ms : most;
    }, null),
  };
}

/** What of a manifest does not fit together, by the segment where it shows. */
export function inconsistencies({ segments, root, schemas }: ArchiveManifest): Map<Segment | null, string> {
  const found = new Map<Segment | null, string>();
  const ends = new Map<string, string>();
  let before = FIRST_LINK;
  for (const segment of segments) {
    const { topic, partition, from, to, lost_from: lost } = segment;
    const key = `${topic} ${String(partition)}`;
    const end = ends.get(key);
    if (linkOf(before, segment) !== segment.link) found.set(segment, 'its entry was changed, or is not in its place');
    else if (BigInt(to) <= BigInt(from)) found.set(segment, 'its range is none');
    else if (end !== undefined && (lost ?? from) !== end) found.set(segment, `what was archived before ends at ${end}`);
    else if (lost !== null && BigInt(lost) >= BigInt(from))
      found.set(segment, 'the range that it declares lost is none');
    else {
      const other = Object.entries(segment.schemas).find(([id, sum]) => !isSchema(schemas[id], sum));
      if (other !== undefined) found.set(segment, `schema ${other[0]} is missing, or another`);
    }
    ends.set(key, to);
    before = segment.link;
  }
  if (before !== root) found.set(null, 'the last segment is not the one that the root says');
  return found;
}

function isSchema(text: SchemaText | undefined, sum: string | null): boolean {
  return sum === null || (text !== undefined && schemaHash(text) === sum);
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
