import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

import { BacktrailError } from '../shared/errors.js';
import type { ArchiveStore, LocalFile, Stored } from './store.js';

/** In the archive itself, because a file can only be renamed within its file system. */
const PARTS = '.part';
/** Errors of a disk that come and go, as those of one that is mounted from elsewhere. */
const PASSING = ['EIO', 'ESTALE', 'ETIMEDOUT', 'EAGAIN', 'EBUSY', 'ENETDOWN', 'ENETUNREACH', 'EHOSTDOWN'];

/** An archive in a folder, which is made when something is first written. One process writes at a time. */
export function folderStore(folder: string, place = folder): ArchiveStore {
  const pathOf = (name: string): string => join(folder, ...name.split('/'));
  const parts = join(folder, PARTS);
  /** Those of another process are its own. */
  let madeParts = false;

  async function makeParts(): Promise<void> {
    madeParts = true;
    await mkdir(parts, { recursive: true });
  }

  async function readText(name: string): Promise<Stored | null> {
    try {
      const text = await readFile(pathOf(name), 'utf8');
      return { text, tag: tagOf(text) };
    } catch (error) {
      if (isMissing(error)) return null;
      throw translated(place, error);
    }
  }

  return {
    place,
    readText,
    async writeText(name, text, before) {
      const stored = await readText(name);
      // It may be this very text that was written before, and nobody heard of it.
      if (stored?.tag !== before?.tag && stored?.text !== text) {
        throw new BacktrailError('ARCHIVE_IN_USE', `somebody else writes to ${place}`);
      }
      return attempt(place, async () => {
        await makeParts();
        const path = join(parts, name.replaceAll('/', '_'));
        const file = await open(path, 'w');
        try {
          await file.writeFile(text);
          await file.sync();
        } finally {
          await file.close();
        }
        await moved(path, pathOf(name));
        return { text, tag: tagOf(text) };
      });
    },
    partFile: (name) =>
      attempt(place, async () => {
        await makeParts();
        return join(parts, name.replaceAll('/', '_'));
      }),
    put: (name, path) =>
      attempt(place, async () => {
        // A second time it is there already.
        await moved(path, pathOf(name)).catch(async (error: unknown) => {
          if (!isMissing(error)) throw error;
          await stat(pathOf(name));
        });
      }),
    open: (name) =>
      attempt(place, async (): Promise<LocalFile | null> => {
        const path = pathOf(name);
        const found = await stat(path).catch((error: unknown) => {
          if (isMissing(error)) return null;
          throw error;
        });
        return found === null ? null : { path, release: () => Promise.resolve() };
      }),
    async *names() {
      const entries = await attempt(place, () => readdir(folder, { recursive: true, withFileTypes: true }));
      for (const entry of entries) {
        const name = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
        if (entry.isFile() && !name.startsWith('.')) yield name;
      }
    },
    close: () => attempt(place, async () => (madeParts ? rm(parts, { recursive: true, force: true }) : undefined)),
  };
}

/** The file is on the disk by now; its new name shall be, too. */
async function moved(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
  const folder = await open(dirname(to), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function tagOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

async function attempt<T>(place: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw translated(place, error);
  }
}

/** What the file system says of an archive. */
export function translated(place: string, error: unknown): BacktrailError {
  if (error instanceof BacktrailError) return error;
  const code = PASSING.includes(codeOf(error)) ? 'ARCHIVE_UNREACHABLE' : 'ARCHIVE_REFUSED';
  const reason = error instanceof Error ? error.message : String(error);
  return new BacktrailError(code, `${place}: ${reason}`, { cause: error });
}
