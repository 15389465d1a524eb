import { elapsedMs } from '../shared/clock.js';
import { BacktrailError } from '../shared/errors.js';
import type { SchemaText } from '../shared/kafka/registry-rest.js';
import type { SpanReading } from '../shared/kafka/span-reader.js';
import type { LogSpans } from '../shared/runtime/ports.js';
import { Book } from './book.js';
import { fileOf, lostIn, schemaHash, type Archived, type LostRange, type Segment } from './manifest.js';
import { patientStore, type Patiently } from './patient-store.js';
import { RangeWriter, type ClosedRange } from './range-writer.js';
import { otherLogThanArchived } from './same-log.js';
import type { SegmentLimits } from './segment-writer.js';
import type { ArchiveStore } from './store.js';

export interface ArchiveParts {
  readonly store: ArchiveStore;
  readonly log: LogSpans;
  readonly read: (reading: SpanReading) => Promise<void>;
  /** What the registry has under an id; null when it does not know it. */
  readonly schema: (id: number) => Promise<SchemaText | null>;
  readonly patiently: Patiently;
}

export interface ArchiveOptions {
  readonly topics: readonly string[];
  readonly limits: SegmentLimits;
  readonly signal: AbortSignal;
  readonly onRead?: (records: number) => void;
}

/** What a run added to an archive. */
export interface ArchiveRun {
  readonly root: string;
  readonly added: readonly Segment[];
  /** What retention took before it was archived; of what nothing follows yet, each run says so. */
  readonly lost: readonly LostRange[];
}

/** The manifest grows with the archive, and is written as a whole. */
const SAVE_MS = 10_000;

/**
 * Adds to an archive all that its topics hold and it does not, up to where they end now; of records in transactions only what
 * is committed. What is listed in the manifest is durable: a run that was cut off is gone on with by another one.
 * Throws LOG_REPLACED when a topic is not the one that was archived, ARCHIVE_IN_USE when somebody else adds to it.
 */
export async function archiveTopics(parts: ArchiveParts, options: ArchiveOptions): Promise<ArchiveRun> {
  const { log, patiently } = parts;
  const store = patientStore(parts.store, patiently);
  const book = await Book.open(store);
  const before = book.segments.length;
  const shelf = new Shelf({ ...parts, store }, book);
  const lost: LostRange[] = [];
  try {
    for (const topic of options.topics) {
      const archived = book.archived(topic);
      const other = await patiently(() => otherLogThanArchived(topic, archived, log));
      if (other !== null) throw new BacktrailError('LOG_REPLACED', other);
      const ends = await patiently(() => log.offsets(topic));
      lost.push(...lostAtEnd(topic, archived, ends));
      await archiveTopic(topic, { ...parts, ...options, store, archived, ends, shelf });
    }
  } finally {
    // Also of a run that is cut off: what is whole stays.
    await book.save();
  }
  const added = book.segments.slice(before);
  return { root: book.root, added, lost: [...lostIn(added), ...lost] };
}

/** Where nothing is left behind the archive, no segment declares it. */
function lostAtEnd(topic: string, archived: TopicParts['archived'], ends: TopicParts['ends']): LostRange[] {
  return ends.flatMap(({ partition, low, high }) => {
    const from = archived.get(partition)?.to ?? low;
    if (low <= from || high > low) return [];
    return [{ topic, partition, from: from.toString(), to: low.toString() }];
  });
}

interface TopicParts extends ArchiveParts, Omit<ArchiveOptions, 'topics'> {
  readonly archived: ReadonlyMap<number, Archived>;
  readonly ends: Awaited<ReturnType<LogSpans['offsets']>>;
  readonly shelf: Shelf;
}

async function archiveTopic(topic: string, parts: TopicParts): Promise<void> {
  const { store, read, archived, ends, limits, signal, onRead, shelf } = parts;
  const spans = new Map<number, { from: bigint; to: bigint }>();
  const writers = new Map<number, RangeWriter>();
  for (const { partition, low, high } of ends) {
    const from = archived.get(partition)?.to ?? low;
    // Where nothing is left there is nothing to read; what was lost is declared with what comes next.
    if (high <= from || high <= low) continue;
    spans.set(partition, { from: from < low ? low : from, to: high });
    const path = await store.partFile(`${topic}-${String(partition)}.avro`);
    writers.set(
      partition,
      new RangeWriter({ topic, partition, from }, { limits, path, onClosed: (closed) => shelf.put(closed) }),
    );
  }
  try {
    await read({ topic, spans, signal, visit: (batch) => visit(batch, { writers, onRead }) });
    signal.throwIfAborted();
    for (const [partition, writer] of writers) await writer.end(spans.get(partition)?.to ?? 0n);
  } finally {
    for (const writer of writers.values()) await writer.discard();
  }
}

async function visit(
  batch: Parameters<SpanReading['visit']>[0],
  { writers, onRead }: { writers: ReadonlyMap<number, RangeWriter>; onRead: ((records: number) => void) | undefined },
): Promise<void> {
  await writers.get(batch.partition)?.add(batch);
  onRead?.(batch.records.length);
}

/** Takes files that are whole into the archive. */
class Shelf {
  /** Answers of the registry in this run. */
  readonly #answers = new Map<number, SchemaText | null>();
  #savedAtMs = elapsedMs();

  constructor(
    private readonly parts: ArchiveParts,
    private readonly book: Book,
  ) {}

  async put({ start, to, lostFrom, path, written }: ClosedRange): Promise<void> {
    const { schemaIds, ...facts } = written;
    const range = {
      topic: start.topic,
      partition: start.partition,
      from: start.from.toString(),
      to: to.toString(),
    };
    const schemas = await this.#schemas(schemaIds);
    const file = fileOf(range);
    await this.parts.store.put(file, path, facts);
    this.book.add({ ...range, lost_from: lostFrom?.toString() ?? null, file, ...facts, schemas });
    if (elapsedMs() - this.#savedAtMs < SAVE_MS) return;
    await this.book.save();
    this.#savedAtMs = elapsedMs();
  }

  async #schemas(ids: ReadonlySet<number>): Promise<Segment['schemas']> {
    const found: Record<string, string | null> = {};
    for (const id of [...ids].sort((a, b) => a - b)) {
      let schema = this.#answers.get(id);
      if (schema === undefined) {
        schema = await this.parts.patiently(() => this.parts.schema(id));
        if (schema !== null) this.book.learn(id, schema);
        this.#answers.set(id, schema);
      }
      found[String(id)] = schema === null ? null : schemaHash(schema);
    }
    return found;
  }
}
