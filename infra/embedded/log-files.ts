import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Home } from './home.js';

/** A log is at most twice this: the file and the one before it. */
export const LOG_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Empties logs that have grown too large, after copying them aside. The processes keep writing into the same file, which
 * they opened for appending; what is written during the copy may be lost.
 */
export function boundLogs(home: Home, bytesMax = LOG_BYTES_MAX): void {
  if (!existsSync(home.logs)) return;
  for (const name of readdirSync(home.logs)) {
    const path = join(home.logs, name);
    if (!name.endsWith('.log') || statSync(path).size <= bytesMax) continue;
    copyFileSync(path, `${path}.1`);
    truncateSync(path, 0);
  }
}

/** The last lines of a log, for the person who has to find out why something did not start. */
export function logTail(path: string, lines = 15): string {
  if (!existsSync(path)) return '';
  const file = openSync(path, 'r');
  try {
    const size = fstatSync(file).size;
    const bytes = Buffer.alloc(Math.min(size, 16 * 1024));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(file);
  }
}

const CAUSES: readonly [pattern: RegExp, sentence: string][] = [
  [
    /No space left on device|ENOSPC|Disk quota exceeded|NOT_ENOUGH_SPACE/i,
    'The disk is full. Free some space and run `backtrail up` again; nothing that was acknowledged is lost.',
  ],
  [
    /Address already in use|EADDRINUSE|Port \d+ seems to be used/i,
    'Its port was taken by another program in the meantime. Run `backtrail up` again, with another port or --port auto.',
  ],
  [/UnsupportedClassVersionError/, 'This Java is too old. Install Java 17 or newer.'],
  [
    /Cannot allocate memory|insufficient memory|OutOfMemoryError|ENOMEM/i,
    'There is not enough memory: the stack needs about 1.5 GB. Stop other programs and run `backtrail up` again.',
  ],
  [
    /Database may be already in use|Failed to acquire lock on file|CANNOT_OPEN_FILE.*lock|Cannot lock file/i,
    'Another process works on the same data. If another stack uses this folder, stop it; else give this one its own with --dir.',
  ],
  [
    /Permission denied|EACCES|AccessDeniedException/i,
    'It may not write there. Check the owner of the folder, or choose another with --dir.',
  ],
];

/** What to do, where a log says why a process ended; null where it is not one of the usual causes. */
export function explainLog(tail: string): string | null {
  return CAUSES.find(([pattern]) => pattern.test(tail))?.[1] ?? null;
}
