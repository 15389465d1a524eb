import { rmSync } from 'node:fs';
import { PARTS } from './endpoints.js';
import type { Home } from './home.js';
import { isAlive } from './identity.js';
import { endProcess } from './keep.js';
import { stopProcess } from './launch.js';
import { withLock } from './lock.js';
import { STOP_LIMIT_MS } from './parts.js';
import { type ProcessRecord, readStackFile, readWanted, writeJson } from './stack-file.js';

export interface StopOptions {
  home: Home;
  /** Also removes topics, schemas, tables and logs; the fetched jars stay. */
  deleteData?: boolean;
  say?: (line: string) => void;
}

/** The supervisor stops one after the other; each may take its whole limit. */
const SUPERVISOR_LIMIT_MS = (PARTS.length + 2) * STOP_LIMIT_MS;

/** Stops everything of this stack, services first. Returns the names of what was running. */
export async function stopStack(options: StopOptions): Promise<string[]> {
  const { home } = options;
  const onWait = (): void => options.say?.('Another command is starting or stopping this stack: waiting for it ...');
  return withLock(home.lockFile, onWait, async () => {
    const names = await stopAll(home);
    if (options.deleteData === true) {
      for (const path of [home.data, home.logs, home.wantedFile, home.stackFile]) {
        rmSync(path, { recursive: true, force: true });
      }
    }
    return names;
  });
}

/** Only for a caller that holds the lock of this home. */
export async function stopAll(home: Home): Promise<string[]> {
  const stack = readStackFile(home.stackFile);
  if (stack === null) return [];
  const names = stack.processes.filter(({ identity }) => isAlive(identity)).map(({ name }) => name);
  const wanted = readWanted(home.wantedFile);
  if (wanted !== null) writeJson(home.wantedFile, { ...wanted, stop: true });
  if (stack.supervisor !== null) await stopProcess(stack.supervisor, SUPERVISOR_LIMIT_MS);
  // It may have been killed before, or have had to be killed now: what it left is stopped here, in the same order.
  const left = (readStackFile(home.stackFile)?.processes ?? []).filter(({ identity }) => isAlive(identity));
  await Promise.all(left.filter(({ kind }) => kind === 'service').map((record) => endProcess(record, STOP_LIMIT_MS)));
  for (const record of lastPartFirst(left)) await endProcess(record, STOP_LIMIT_MS);
  writeJson(home.stackFile, { supervisor: null, generation: 0, processes: [] });
  return names;
}

/** ClickHouse, registry, Kafka: the reverse of PARTS. */
export function lastPartFirst<T extends Pick<ProcessRecord, 'kind' | 'name'>>(records: readonly T[]): T[] {
  const place = ({ name }: T): number => PARTS.findIndex((part) => part === name);
  return records.filter(({ kind }) => kind === 'part').sort((a, b) => place(b) - place(a));
}
