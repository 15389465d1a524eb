import { FactsSource } from '../shared/clickhouse/facts-source.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import { readHorizon } from '../shared/clickhouse/horizon.js';
import { incidentOf } from '../shared/core/incident.js';
import { Trail, type TrailSettings } from '../shared/core/trail.js';
import { windowsOf } from '../shared/core/windows.js';
import { changedModels } from './changed.js';
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
 *
 * @returns null if nothing is complete beyond `afterMs` yet
 */
export async function correlate(
  database: ClickHouse,
  { afterMs, settings }: { afterMs: number; settings: TrailSettings },
): Promise<Correlated | null> {
  const horizon = await readHorizon(database);
  const knownAtMs = Math.min(horizon.completeUntilMs, horizon.appliedUntilMs);
  if (knownAtMs <= afterMs) return null;
  const models = await changedModels(database, { afterMs, untilMs: knownAtMs });
  let revisions = 0;
  for (const modelId of models) revisions += await writeModel(database, { modelId, knownAtMs, settings });
  return { knownAtMs, models: models.length, revisions };
}

async function writeModel(
  database: ClickHouse,
  { modelId, knownAtMs, settings }: { modelId: string; knownAtMs: number; settings: TrailSettings },
): Promise<number> {
  const facts = await new FactsSource(database, knownAtMs).factsOfModel(modelId);
  const trail = Trail.of(facts, knownAtMs, settings);
  const windows = windowsOf(trail, modelId);
  const incidents = trail.view(modelId).everFlagged.flatMap((release) => incidentOf(trail, modelId, release) ?? []);
  const { releases, inferences, proofs, payments, agents } = facts;
  const records = releases.length + inferences.length + proofs.length + payments.length + agents.length;
  const knowledge = { modelId, knownAtMs, records };
  return (
    (await revise(database, WINDOWS, { ...knowledge, said: windows.map(windowRow) })) +
    (await revise(database, AGENTS, { ...knowledge, said: windows.flatMap(agentRows) })) +
    (await revise(database, INCIDENTS, { ...knowledge, said: incidents.map((one) => incidentRow(modelId, one)) }))
  );
}
