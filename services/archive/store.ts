/** A text that somebody may have replaced meanwhile; `tag` tells. */
export interface Stored {
  readonly text: string;
  readonly tag: string;
}

/** A file on this machine. */
export interface LocalFile {
  readonly path: string;
  /** It is used no more: a copy is deleted. */
  release(): Promise<void>;
}

export interface FileFacts {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

/**
 * Files by names such as `a/b.avro`, each there whole or not at all. Throws ARCHIVE_UNREACHABLE for what may be better soon,
 * ARCHIVE_REFUSED for what will not.
 */
export interface ArchiveStore {
  /** As whoever named it wrote it. */
  readonly place: string;
  /** Null where there is none. */
  readText(name: string): Promise<Stored | null>;
  /** Throws ARCHIVE_IN_USE when it is not `before` any more that is stored. */
  writeText(name: string, text: string, before: Stored | null): Promise<Stored>;
  /** Where a file is made that is put later: a path on this machine, the same for the same name. */
  partFile(name: string): Promise<string>;
  /** Makes it appear under its name. The file at the path is gone afterwards. */
  put(name: string, path: string, facts: FileFacts): Promise<void>;
  /** Null where there is none. */
  open(name: string): Promise<LocalFile | null>;
  /** All names there are, in no order. */
  names(): AsyncIterable<string>;
  /** Removes what is not finished. */
  close(): Promise<void>;
}
