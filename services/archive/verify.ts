import type { TimedRecord } from '../shared/kafka/span-reader.js';
import { HEADER_BYTES, schemaIdOf } from '../shared/kafka/wire.js';
import type { WriterSchema } from '../shared/kafka/registry.js';
import { factsOf, manifestIn } from './archive-reader.js';
import { writerSchemaOf } from './archived-schemas.js';
import { recordsIn } from './container.js';
import {
  FIRST_LINK,
  inconsistencies,
  lostIn,
  MANIFEST,
  parseManifest,
  type ArchiveManifest,
  type Linked,
  type LostRange,
  type Segment,
} from './manifest.js';
import type { ArchiveStore } from './store.js';

/** What is wrong with a range; `topic` is null where it is the manifest. */
export interface Problem {
  readonly topic: string | null;
  readonly partition: number | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly file: string;
  readonly problem: string;
}

/** What an archive holds of a partition. */
export interface HeldRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
  readonly segments: number;
  readonly records: number;
  readonly bytes: number;
  /** Offsets that are nobody's record. */
  readonly missing: string;
}

export interface Verified {
  readonly whole: boolean;
  readonly root: string;
  readonly ranges: readonly HeldRange[];
  /** Ranges that retention took before they were archived: the archive says so, and is whole. */
  readonly lost: readonly LostRange[];
  /** Values that are no records of the schema they name, as they came; services make dead letters of them. */
  readonly undecodable: number;
  readonly problems: readonly Problem[];
  /** Files that no manifest lists, as a run that was cut off leaves them. */
  readonly unlisted: readonly string[];
}

export interface VerifyOptions {
  readonly signal: AbortSignal;
  /** A root that was printed once: the archive must be the same, or have grown out of it. */
  readonly root?: string | undefined;
  readonly onRead?: (segment: Segment) => void;
}

/**
 * Reads all of an archive. Throws CONFIG_INVALID where there is none, ARCHIVE_DAMAGED when its manifest cannot be read at all;
 * whatever else is wrong is a problem that names its range.
 */
export async function verifyArchive(store: ArchiveStore, options: VerifyOptions): Promise<Verified> {
  const { signal, root, onRead } = options;
  const manifest = parseManifest(await manifestIn(store));
  const wrong = inconsistencies(manifest);
  const problems = [...wrong].map(([segment, problem]) => problemOf(segment, problem));
  const knows = root === undefined || root === FIRST_LINK || manifest.segments.some(({ link }) => link === root);
  if (!knows) problems.push(problemOf(null, `it has never had the root ${root}`));
  const schemas = new Schemas(manifest);
  let undecodable = 0;
  for (const segment of manifest.segments) {
    signal.throwIfAborted();
    const found = await problemIn(store, segment, schemas);
    if (typeof found === 'number') undecodable += found;
    else if (!wrong.has(segment)) problems.push(problemOf(segment, found));
    onRead?.(segment);
  }
  const listed = new Set([MANIFEST, ...manifest.segments.map(({ file }) => file)]);
  const unlisted: string[] = [];
  for await (const name of store.names()) if (!listed.has(name)) unlisted.push(name);
  return {
    whole: problems.length === 0,
    root: manifest.root,
    ranges: rangesOf(manifest.segments),
    lost: lostIn(manifest.segments),
    undecodable,
    problems,
    unlisted: unlisted.sort(),
  };
}

/** What is wrong with a file, or the number of its values that cannot be decoded. */
async function problemIn(store: ArchiveStore, segment: Linked, schemas: Schemas): Promise<string | number> {
  const file = await store.open(segment.file);
  if (file === null) return 'the file is missing';
  try {
    const { bytes, sha256 } = await factsOf(file.path);
    if (bytes !== segment.bytes) return `the file has ${bytes} bytes instead of ${segment.bytes}`;
    if (sha256 !== segment.sha256) return 'the file has another SHA-256';
    return await recordProblem(recordsIn(file.path), segment, schemas);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await file.release();
  }
}

/** Whether the records are what the manifest says, offset by offset. */
async function recordProblem(
  records: AsyncIterable<TimedRecord>,
  segment: Segment,
  schemas: Schemas,
): Promise<string | number> {
  let next = BigInt(segment.from);
  let count = 0;
  let undecodable = 0;
  const times: number[] = [];
  const holes = segment.missing.map(([from, to]) => [BigInt(from), BigInt(to)] as const).values();
  const skipTo = (offset: bigint): boolean => {
    if (offset === next) return true;
    const hole = holes.next().value;
    return hole !== undefined && hole[0] === next && hole[1] === offset;
  };
  for await (const { offset, appendedAtMs, value } of records) {
    if (!skipTo(offset)) return `there is offset ${offset} where ${next} should be`;
    next = offset + 1n;
    count += 1;
    times[0] = Math.min(times[0] ?? appendedAtMs, appendedAtMs);
    times[1] = Math.max(times[1] ?? appendedAtMs, appendedAtMs);
    const id = schemaIdOf(value);
    if (typeof id === 'number' && !(String(id) in segment.schemas))
      return `offset ${offset} names schema ${id}, which is not listed`;
    if (!schemas.decodes(id, value)) undecodable += 1;
  }
  if (!skipTo(BigInt(segment.to)) || holes.next().done !== true) return `the records end before offset ${segment.to}`;
  if (count !== segment.records) return `there are ${count} records instead of ${segment.records}`;
  const isInTime = (times[0] ?? null) === segment.appended_from_ms && (times[1] ?? null) === segment.appended_until_ms;
  return isInTime ? undecodable : 'the records have other times';
}

/** The schemas of an archive, to try its values with. */
class Schemas {
  readonly #known = new Map<number, WriterSchema | null>();

  constructor(private readonly manifest: ArchiveManifest) {}

  decodes(id: ReturnType<typeof schemaIdOf>, value: Buffer | null): boolean {
    if (typeof id !== 'number' || value === null) return false;
    let schema = this.#known.get(id);
    if (schema === undefined) {
      const text = this.manifest.schemas[String(id)];
      schema = text === undefined ? null : writerSchemaOf(id, text);
      this.#known.set(id, schema);
    }
    if (schema?.kind !== 'avro') return false;
    try {
      schema.type.fromBuffer(value.subarray(HEADER_BYTES));
      return true;
    } catch {
      return false;
    }
  }
}

function problemOf(segment: Segment | null, problem: string): Problem {
  if (segment === null) return { topic: null, partition: null, from: null, to: null, file: MANIFEST, problem };
  const { topic, partition, from, to, file } = segment;
  return { topic, partition, from, to, file, problem };
}

/** By topic and partition. */
export function rangesOf(segments: readonly Segment[]): HeldRange[] {
  const found = new Map<string, HeldRange>();
  for (const { topic, partition, from, to, records, bytes, missing } of segments) {
    const key = `${topic} ${String(partition)}`;
    const before = found.get(key);
    const holes = missing.reduce((sum, [first, end]) => sum + BigInt(end) - BigInt(first), 0n);
    found.set(key, {
      ...{ topic, partition, from: before?.from ?? from, to },
      segments: (before?.segments ?? 0) + 1,
      records: (before?.records ?? 0) + records,
      bytes: (before?.bytes ?? 0) + bytes,
      missing: (BigInt(before?.missing ?? 0) + holes).toString(),
    });
  }
  return [...found.values()].sort((a, b) =>
    a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition,
  );
}
