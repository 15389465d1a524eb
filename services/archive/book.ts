import { BacktrailError } from '../shared/errors.js';
import type { SchemaText } from '../shared/kafka/registry-rest.js';
import {
  archivedOf,
  EMPTY,
  inconsistencies,
  linkOf,
  MANIFEST,
  manifestText,
  parseManifest,
  schemaHash,
  type Archived,
  type ArchiveManifest,
  type Linked,
  type Segment,
} from './manifest.js';
import type { ArchiveStore, Stored } from './store.js';

/** The manifest of an archive while it grows. */
export class Book {
  readonly #segments: Linked[];
  readonly #schemas: Record<string, SchemaText>;
  #root: string;
  #isChanged = false;

  private constructor(
    private readonly store: ArchiveStore,
    private stored: Stored | null,
    manifest: ArchiveManifest,
  ) {
    this.#segments = [...manifest.segments];
    this.#schemas = { ...manifest.schemas };
    this.#root = manifest.root;
  }

  /** The book of an archive, or an empty one where there is none yet. Throws ARCHIVE_DAMAGED for one that contradicts itself. */
  static async open(store: ArchiveStore): Promise<Book> {
    const stored = await store.readText(MANIFEST);
    return new Book(store, stored, stored === null ? EMPTY : wholeManifest(stored.text, store.place));
  }

  get root(): string {
    return this.#root;
  }

  get segments(): readonly Linked[] {
    return this.#segments;
  }

  archived(topic: string): Map<number, Archived> {
    return archivedOf({ segments: this.#segments }, topic);
  }

  schema(id: number): SchemaText | null {
    return this.#schemas[String(id)] ?? null;
  }

  /** Throws REGISTRY_REFUSED when the id has meant another schema before. */
  learn(id: number, schema: SchemaText): void {
    const known = this.schema(id);
    if (known !== null && schemaHash(known) !== schemaHash(schema)) {
      const sentence = `schema ${String(id)} is another one in the registry than in ${this.store.place}`;
      throw new BacktrailError('REGISTRY_REFUSED', `${sentence}: it is not the registry of these records`);
    }
    this.#schemas[String(id)] = schema;
  }

  add(segment: Segment): void {
    this.#root = linkOf(this.#root, segment);
    this.#segments.push({ ...segment, link: this.#root });
    this.#isChanged = true;
  }

  /** What was added is part of the archive when this resolves. */
  async save(): Promise<void> {
    if (!this.#isChanged) return;
    const manifest = { format: 1 as const, segments: this.#segments, schemas: this.#schemas, root: this.#root };
    this.stored = await this.store.writeText(MANIFEST, manifestText(manifest), this.stored);
    this.#isChanged = false;
  }
}

/** Throws ARCHIVE_DAMAGED, naming the first thing that does not fit. */
export function wholeManifest(text: string, place: string): ArchiveManifest {
  const manifest = parseManifest(text);
  const [wrong] = inconsistencies(manifest);
  if (wrong === undefined) return manifest;
  const [segment, what] = wrong;
  throw new BacktrailError('ARCHIVE_DAMAGED', `${place}: ${segment === null ? MANIFEST : rangeName(segment)}: ${what}`);
}

/** A range in words. */
export function rangeName({
  topic,
  partition,
  from,
  to,
}: Pick<Segment, 'topic' | 'partition' | 'from' | 'to'>): string {
  return `${topic} partition ${String(partition)} offsets ${from} to ${(BigInt(to) - 1n).toString()}`;
}
