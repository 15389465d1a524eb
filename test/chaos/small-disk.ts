import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** In a namespace of its own every user may mount, sees what was mounted, and leaves nothing behind. */
const NAMESPACE = ['--user', '--map-root-user', '--mount'] as const;
const STEPS = [1 << 20, 1 << 12, 1] as const;

export function canMount(): boolean {
  return spawnSync('unshare', [...NAMESPACE, 'true']).status === 0;
}

/** Runs this program once more, where it may mount. @returns its exit code */
export async function againInNamespace(env: Readonly<Record<string, string | undefined>>): Promise<number> {
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('unshare', [...NAMESPACE, ...command], { stdio: 'inherit', env: { ...env } });
  // Ctrl-C reaches the child by itself; it puts its things away.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

/** A disk of a fixed size, in memory. @throws Error when this process may not mount */
export function mountSmallDisk(folder: string, megabytes: number): void {
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  if (status !== 0) throw new Error(`${folder} could not be mounted: ${stderr.toString()}`);
}

export function unmount(folder: string): void {
  spawnSync('umount', ['-l', folder]);
}

/** Writes until not one byte more fits. @returns gives the space back */
export function fillDisk(folder: string): () => void {
  const path = join(folder, 'ballast');
  const file = openSync(path, 'w');
  for (const step of STEPS) writeUntilFull(file, Buffer.alloc(step, 1));
  closeSync(file);
  return () => {
    rmSync(path, { force: true });
  };
}

function writeUntilFull(file: number, bytes: Buffer): void {
  try {
    for (;;) if (writeSync(file, bytes) < bytes.length) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
