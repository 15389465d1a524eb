import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { elapsedMs, now, sleep } from '../shared/clock.js';
import { trailSettings, type Config } from '../shared/config.js';
import type { Logger } from '../shared/log.js';
import { createMetrics } from '../shared/metrics.js';
import { serveHealth } from '../shared/runtime/http.js';
import { retrying, retryOf } from '../shared/runtime/retry.js';
import { completeUntil, correlate } from './correlate.js';

export const SERVICE = 'window';

const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 30_000;
/** Changes close together share a revision: a tenth of the time is spent computing, the rest waiting for more of them. */
const PAUSE_FACTOR = 9;
/** Further behind than this the services catch up, and every model changes all the time: nobody reads that, so it waits. */
const BEHIND_MS = 60_000;
const PAUSE_BEHIND_MAX_MS = 900_000;

/** Keeps windows and incidents written up to the horizon until the signal aborts. Throws BacktrailError for what stops it. */
export async function runWindow(config: Config, { signal, log }: { signal: AbortSignal; log: Logger }): Promise<void> {
  const metrics = createMetrics(SERVICE);
  const database = connectClickHouse(config.clickhouse);
  let trouble: string | null = 'has not looked at the horizon yet';
  const health = await serveHealth(
    { host: config.host, port: config.port },
    { failure: () => null, notReady: () => trouble },
    metrics,
  );
  log.info({ port: health.port }, 'ready');
  const settings = trailSettings(config);
  const retry = retryOf(config, { signal, metrics, log }, (message) => {
    trouble = message;
  });
  try {
    let afterMs = await retrying(() => lastKnownAt(database), retry);
    while (!signal.aborted) {
      const startedMs = elapsedMs();
      const released = await retrying(() => releasedState(database), retry);
      const done = await retrying(
        () => correlate(database, { afterMs, settings, signal, restPerModel: PAUSE_FACTOR }),
        retry,
      );
      if (done !== null) {
        afterMs = done.knownAtMs;
        await retrying(() => writeKnownAt(database, done.knownAtMs), retry);
        metrics.rows.inc({ table: 'window_rows' }, done.revisions);
        log.debug({ ...done }, 'windows revised');
      }
      trouble = null;
      const pauseMs = (elapsedMs() - startedMs) * PAUSE_FACTOR;
      await pause(pauseMs, signal, {
        isReleased: async () => (await retrying(() => releasedState(database), retry)) !== released,
        isBehind: async () => now() - (await retrying(() => completeUntil(database), retry)) > BEHIND_MS,
      });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await health.close();
    await database.close();
  }
}

/** Somebody waits for what a flag or a rollback says: that ends the pause, and so does having caught up. */
async function pause(
  ms: number,
  signal: AbortSignal,
  { isReleased, isBehind }: { readonly isReleased: () => Promise<boolean>; readonly isBehind: () => Promise<boolean> },
): Promise<void> {
  const fromMs = elapsedMs();
  const hasPassed = (maxMs: number): boolean => elapsedMs() - fromMs >= Math.min(ms, maxMs);
  do {
    await sleep(PAUSE_MIN_MS, signal);
    if (signal.aborted || (await isReleased())) return;
  } while (!hasPassed(PAUSE_MAX_MS) || (!hasPassed(PAUSE_BEHIND_MAX_MS) && (await isBehind())));
}

/** Another one when the releases topic says something else of any model. */
async function releasedState(database: ClickHouse): Promise<string> {
  const [row] = await database.select<{ state: string }>(
    "SELECT concat(count(), ' ', max(release_offset)) AS state FROM model_state_rows",
  );
  return row?.state ?? '';
}

async function lastKnownAt(database: ClickHouse): Promise<number> {
  const [row] = await database.select<{ ms: string }>(
    'SELECT toUnixTimestamp64Milli(max(applied_until)) AS ms FROM progress WHERE service = {service:String}',
    { service: SERVICE },
  );
  return Number(row?.ms ?? 0);
}

async function writeKnownAt(database: ClickHouse, knownAtMs: number): Promise<void> {
  const row = { service: SERVICE, topic: '', partition: 0, next_offset: '0', release_offset: '0', idle_at: 0 };
  await database.insert('progress_rows', [{ ...row, applied_until: knownAtMs }]);
}
