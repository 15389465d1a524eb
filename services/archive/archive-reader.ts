import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

import { BacktrailError } from '../shared/errors.js';
import type { TimedRecord } from '../shared/kafka/span-reader.js';
import { rangeName, wholeManifest } from './book.js';
import { recordsIn } from './container.js';
import { archivedOf, MANIFEST, type Archived, type ArchiveManifest, type Segment } from './manifest.js';
import type { ArchiveStore } from './store.js';

/** Some records of a segment. The last piece reaches to its end, and an empty range is one piece. */
export interface Piece {
  readonly records: readonly TimedRecord[];
  readonly startOffset: bigint;
  readonly nextOffset: bigint;
}

const PIECE_RECORDS = 2_000;
const PIECE_BYTES = 524_288;

/**
 * What an archive holds. Of every file it is checked that it is the very one that was archived before a record of it is given.
 * Throws ARCHIVE_DAMAGED.
 */
export class ArchiveReader {
  readonly #held = new Map<string, ReadonlyMap<number, Archived>>();

  constructor(
    private readonly store: ArchiveStore,
    readonly manifest: ArchiveManifest,
  ) {}

  /** Throws CONFIG_INVALID where there is no archive. */
  static async open(store: ArchiveStore): Promise<ArchiveReader> {
    return new ArchiveReader(store, wholeManifest(await manifestIn(store), store.place));
  }

  get place(): string {
    return this.store.place;
  }

  /** By partition. */
  held(topic: string): ReadonlyMap<number, Archived> {
    const held = this.#held.get(topic) ?? archivedOf(this.manifest, topic);
    this.#held.set(topic, held);
    return held;
  }

  /** Schema ids that the registry did not know. */
  get unknownSchemas(): ReadonlySet<string> {
    const ids = this.manifest.segments.flatMap(({ schemas }) => Object.entries(schemas));
    return new Set(ids.filter(([id, sum]) => sum === null && !(id in this.manifest.schemas)).map(([id]) => id));
  }

  async *pieces(segment: Segment): AsyncGenerator<Piece> {
    const path = await this.store.open(segment.file);
    if (path === null) throw damaged(this.place, segment, `${segment.file} is missing`);
    try {
      const { bytes, sha256 } = await factsOf(path.path);
      if (bytes !== segment.bytes || sha256 !== segment.sha256) {
        throw damaged(this.place, segment, `${segment.file} is not the file that was archived`);
      }
      yield* piecesOf(recordsIn(path.path), segment);
    } finally {
      await path.release();
    }
  }

  /** The first record below `below` of this time or later; null when there is none. */
  async firstSince({ segments }: Archived, appendedAtMs: number, below: bigint): Promise<bigint | null> {
    for (const segment of segments) {
      if (BigInt(segment.from) >= below) return null;
      if ((segment.appended_until_ms ?? Number.NEGATIVE_INFINITY) < appendedAtMs) continue;
      for await (const { records } of this.pieces(segment)) {
        const first = records.find((record) => record.appendedAtMs >= appendedAtMs);
        if (first !== undefined) return first.offset < below ? first.offset : null;
      }
    }
    return null;
  }
}

/** The text of the manifest. Throws CONFIG_INVALID where there is none. */
export async function manifestIn(store: ArchiveStore): Promise<string> {
  const stored = await store.readText(MANIFEST);
  if (stored !== null) return stored.text;
  throw new BacktrailError('CONFIG_INVALID', `there is no archive in ${store.place}: it has no ${MANIFEST}`);
}

export async function factsOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  return { bytes, sha256: hash.digest('hex') };
}

async function* piecesOf(records: AsyncIterable<TimedRecord>, { from, to }: Segment): AsyncGenerator<Piece> {
  let startOffset = BigInt(from);
  let gathered: TimedRecord[] = [];
  let bytes = 0;
  for await (const record of records) {
    if (gathered.length >= PIECE_RECORDS || bytes >= PIECE_BYTES) {
      const nextOffset = (gathered.at(-1)?.offset ?? startOffset) + 1n;
      yield { records: gathered, startOffset, nextOffset };
      [gathered, bytes, startOffset] = [[], 0, nextOffset];
    }
    gathered.push(record);
    bytes += record.value?.length ?? 0;
  }
  yield { records: gathered, startOffset, nextOffset: BigInt(to) };
}

function damaged(place: string, segment: Segment, what: string): BacktrailError {
  return new BacktrailError('ARCHIVE_DAMAGED', `${place}: ${rangeName(segment)}: ${what}`);
}
