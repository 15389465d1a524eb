import { statfsSync } from 'node:fs';

const ROOM_BYTES = 16 * 1024 * 1024;

/** Whether so little is left where a stack keeps what it has that nothing can start there. */
export function isDiskFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < ROOM_BYTES;
  } catch {
    return false;
  }
}
