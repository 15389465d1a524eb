import { ViewReader } from '../shared/clickhouse/ask/view-reader.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import { readHorizon, settledUntilMs } from '../shared/clickhouse/horizon.js';
import { elapsedMs, sleep } from '../shared/clock.js';
import type { TrailSettings } from '../shared/core/trail.js';
import { changedModels, releasedModels } from './changed.js';
import { reportsOf } from './reports.js';
import { AGENTS, INCIDENTS, revise, WINDOWS } from './revisions.js';
import { agentRows, incidentRow, windowRow } from './to-row.js';

export interface Correlating {
  /** What was appended up to then is not looked at: it was before. */
  readonly afterMs: number;
  readonly settings: TrailSettings;
  readonly signal?: AbortSignal;
  /** This model and no other: a replay is about one. */
  readonly only?: string;
  /** How much longer than computing a model the rest after it is, in a pass that takes long: others want the database, too. */
  readonly restPerModel?: number;
}

export interface Correlated {
  /** The K that windows and incidents are written up to now. */
  readonly knownAtMs: number;
  readonly models: number;
  readonly revisions: number;
}

/** While a pass takes longer than this, it is asked what became of releases meanwhile: somebody waits for a flag. */
const LOOK_EVERY_MS = 1_000;
/** Longer than this nobody rests. */
const REST_MAX_MS = 5_000;

/**
 * Writes what windows and incidents say as known at the horizon, for every model that a record since `afterMs` may have
 * changed. A pure function of the facts: doing it again, or by two instances at once, says nothing new. A model whose
 * releases change meanwhile is written at once, as known by then, and once more by the next pass.
 * Throws when the signal aborts; what is not written then is written by the next pass.
 *
 * @returns null if nothing is complete beyond `afterMs` yet
 */
export async function correlate(
  database: ClickHouse,
  { afterMs, settings, signal, only, restPerModel = 0 }: Correlating,
): Promise<Correlated | null> {
  const horizon = await readHorizon(database);
  const [knownAtMs, version] = [settledUntilMs(horizon), horizon.records];
  if (knownAtMs <= afterMs) return null;
  const changed = await changedModels(database, { afterMs, untilMs: knownAtMs });
  const models = only === undefined ? changed : changed.filter((model) => model === only);
  const writtenLater = new Set<string>();
  let revisions = 0;
  const startedMs = elapsedMs();
  let [lookedMs, releasedUntilMs] = [startedMs, knownAtMs];
  const look = async (): Promise<void> => {
    signal?.throwIfAborted();
    if (only !== undefined || elapsedMs() - lookedMs < LOOK_EVERY_MS) return;
    const later = await readHorizon(database);
    const untilMs = settledUntilMs(later);
    for (const urgent of await releasedModels(database, { afterMs: releasedUntilMs, untilMs })) {
      const newer = { knownAtMs: untilMs, version: later.records };
      revisions += await report(database, { modelId: urgent, ...newer }, settings);
      writtenLater.add(urgent);
    }
    [lookedMs, releasedUntilMs] = [elapsedMs(), Math.max(releasedUntilMs, untilMs)];
  };
  for (const model of models) {
    await look();
    if (writtenLater.has(model)) continue;
    const begunMs = elapsedMs();
    revisions += await report(database, { modelId: model, knownAtMs, version }, settings);
    const tookMs = elapsedMs() - begunMs;
    // What is over soon needs no rest.
    if (elapsedMs() - startedMs < LOOK_EVERY_MS) continue;
    const restUntilMs = elapsedMs() + Math.min(tookMs * restPerModel, REST_MAX_MS);
    while (elapsedMs() < restUntilMs) {
      await sleep(Math.min(LOOK_EVERY_MS, restUntilMs - elapsedMs()), signal);
      await look();
    }
  }
  return { knownAtMs, models: models.length, revisions };
}

/** Up to when everything appended is there and applied, in Unix milliseconds. */
export async function completeUntil(database: ClickHouse): Promise<number> {
  return settledUntilMs(await readHorizon(database));
}

async function report(
  database: ClickHouse,
  knowledge: { readonly modelId: string; readonly knownAtMs: number; readonly version: string },
  settings: TrailSettings,
): Promise<number> {
  const { modelId, knownAtMs } = knowledge;
  const { windows, incidents } = await reportsOf(new ViewReader(database), modelId, { knownAtMs, settings });
  return (
    (await revise(database, WINDOWS, { ...knowledge, said: windows.map(windowRow) })) +
    (await revise(database, AGENTS, { ...knowledge, said: windows.flatMap(agentRows) })) +
    (await revise(database, INCIDENTS, { ...knowledge, said: incidents.map((one) => incidentRow(modelId, one)) }))
  );
}
