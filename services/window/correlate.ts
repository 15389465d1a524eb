import { ViewReader } from '../shared/clickhouse/ask/view-reader.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import { appliedRecords, readHorizon } from '../shared/clickhouse/horizon.js';
import type { TrailSettings } from '../shared/core/trail.js';
import { changedModels } from './changed.js';
import { reportsOf } from './reports.js';
import { AGENTS, INCIDENTS, revise, WINDOWS } from './revisions.js';
import { agentRows, incidentRow, windowRow } from './to-row.js';

export interface Correlated {
  /** The K that windows and incidents are written up to now. */
  readonly knownAtMs: number;
  readonly models: number;
  readonly revisions: number;
}

/**
 * Writes what windows and incidents say as known at the horizon, for every model that a record since `afterMs` may have
 * changed. A pure function of the facts: doing it again, or by two instances at once, says nothing new.
 * Throws when the signal aborts; what is not written then is written by the next pass.
 *
 * @returns null if nothing is complete beyond `afterMs` yet
 */
export async function correlate(
  database: ClickHouse,
  { afterMs, settings, signal }: { afterMs: number; settings: TrailSettings; signal?: AbortSignal },
): Promise<Correlated | null> {
  const horizon = await readHorizon(database);
  const knownAtMs = Math.min(horizon.completeUntilMs, horizon.appliedUntilMs);
  if (knownAtMs <= afterMs) return null;
  const models = await changedModels(database, { afterMs, untilMs: knownAtMs });
  const version = await appliedRecords(database);
  const views = new ViewReader(database);
  let revisions = 0;
  for (const model of models) {
    signal?.throwIfAborted();
    const { windows, incidents } = await reportsOf(views, model, { knownAtMs, settings });
    const knowledge = { modelId: model, knownAtMs, version };
    revisions +=
      (await revise(database, WINDOWS, { ...knowledge, said: windows.map(windowRow) })) +
      (await revise(database, AGENTS, { ...knowledge, said: windows.flatMap(agentRows) })) +
      (await revise(database, INCIDENTS, { ...knowledge, said: incidents.map((one) => incidentRow(model, one)) }));
  }
  return { knownAtMs, models: models.length, revisions };
}
