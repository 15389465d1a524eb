import { createHash } from 'node:crypto';

import type { ClickHouse } from '../shared/clickhouse/client.js';
import { now } from '../shared/clock.js';
import { BacktrailError } from '../shared/errors.js';
import type { Digest } from './digests.js';
import { parseManifest, type Manifest } from './manifest.js';

export interface Run {
  readonly runId: string;
  readonly state: 'reading' | 'done';
  readonly manifest: Manifest;
  readonly digests: readonly Digest[];
}

const RUN_ID = /^[a-z0-9_]{1,40}$/;

/** The database of a run. Throws CONFIG_INVALID for a name that is none. */
export function runDatabase(live: string, runId: string): string {
  if (!RUN_ID.test(runId)) {
    throw new BacktrailError('CONFIG_INVALID', `${runId} names no run: up to 40 of a-z, 0-9 and _`);
  }
  return `${live}_replay_${runId}`;
}

/** The name of a run that was given none: the same for the same manifest, so that repeating it goes on with it. */
export function runIdOf(manifest: Manifest): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex').slice(0, 12);
}

export async function readRun(database: Pick<ClickHouse, 'select'>, runId: string): Promise<Run | null> {
  const [row] = await database.select<{ state: Run['state']; manifest: string; digests: string }>(
    'SELECT state, manifest, digests FROM replay_runs FINAL WHERE run_id = {run:String}',
    { run: runId },
  );
  if (row === undefined) return null;
  const digests = JSON.parse(row.digests) as Digest[];
  return { runId, state: row.state, manifest: parseManifest(row.manifest), digests };
}

export async function writeRun(database: Pick<ClickHouse, 'insert'>, run: Run): Promise<void> {
  const { runId, state, manifest, digests } = run;
  await database.insert('replay_runs', [
    {
      run_id: runId,
      state,
      manifest: JSON.stringify(manifest),
      digests: JSON.stringify(digests),
      updated_at: now(),
    },
  ]);
}
