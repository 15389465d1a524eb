import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { sleep } from '../../services/shared/clock.js';
import { type Identity, identityOf, isAlive } from './identity.js';

/**
 * Runs one at a time per file, over processes. The file names its holder, so that one left behind by a crash binds nobody.
 * `onWait` is called once when somebody else holds it.
 */
export async function withLock<T>(path: string, onWait: () => void, act: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!tryLock(path)) {
    if (!told) onWait();
    told = true;
    await sleep(100);
  }
  try {
    return await act();
  } finally {
    rmSync(path, { force: true });
  }
}

/** For as long as this process lives; false when somebody else who lives has it. */
export function lockForLife(path: string): boolean {
  // The first try may only find, and clear away, what a dead one left.
  return tryLock(path) || tryLock(path);
}

function tryLock(path: string): boolean {
  // Written first and linked into place: the lock is never seen without its holder's name.
  const mine = `${path}.${String(process.pid)}`;
  writeFileSync(mine, JSON.stringify(identityOf(process.pid)));
  try {
    linkSync(mine, path);
    return true;
  } catch {
    if (!isAlive(holderOf(path))) removeStale(path);
    return false;
  } finally {
    unlinkSync(mine);
  }
}

/** Moves the stale lock away; should it by now be another one's, puts it back. */
function removeStale(path: string): void {
  const aside = `${path}.stale.${String(process.pid)}`;
  try {
    renameSync(path, aside);
    if (isAlive(holderOf(aside))) linkSync(aside, path);
  } catch {
    return; // somebody else did it
  } finally {
    rmSync(aside, { force: true });
  }
}

function holderOf(path: string): Identity | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Identity | null;
  } catch {
    return null;
  }
}
