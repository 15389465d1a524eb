import type { FlaggedWork } from '../shared/clickhouse/ask/alert-evidence.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import { groupBy } from '../shared/core/group.js';

type Database = Pick<ClickHouse, 'select'>;

const AFTER = "fromUnixTimestamp64Milli({after:Int64}, 'UTC')";

/** A model of which a release was ever flagged: no other can have an alert. */
export interface FlaggedModel extends FlaggedWork {
  /** Append time of the last release record about it. */
  readonly changedMs: number;
  /** Another one when the releases topic says something else of it. */
  readonly state: string;
}

export async function flaggedModels(database: Database): Promise<FlaggedModel[]> {
  const rows = await database.select<{ model_id: string; flagged: string[]; changed: string; state: string }>(
    `SELECT model_id, arraySort(groupUniqArrayArray(incidents.release)) AS flagged,
       toUnixTimestamp64Milli(max(known_at)) AS changed, concat(count(), ' ', max(release_offset)) AS state
     FROM model_state_rows FINAL GROUP BY model_id HAVING notEmpty(flagged) ORDER BY model_id`,
  );
  return rows.map((row) => ({
    model: row.model_id,
    flagged: row.flagged,
    changedMs: Number(row.changed),
    state: `${row.state} ${row.changed}`,
  }));
}

/** Something of a model that may have an alert by what was appended since. */
export interface Changed {
  readonly name: string;
  /** Another one when there is something new about it: of a payment the version of its row, else the first append time. */
  readonly rowVersion: string;
  /** Null for stale serving of an activation. */
  readonly paymentId: string | null;
}

/** Activations with covered stragglers since then, of models that have stragglers at all: mostly none has, and the view is dear. */
async function staleSince(
  database: Database,
  models: readonly string[],
  afterMs: number,
): Promise<{ model_id: string; release: string; activation: number; first: string }[]> {
  if (models.length === 0) return [];
  return database.select(
    `SELECT model_id, release, activation, toUnixTimestamp64Milli(min(appended_at)) AS first FROM inference_releases
     WHERE model_id IN {models:Array(String)} AND certain AND covered AND phase = 'stale' AND appended_at > ${AFTER}
     GROUP BY model_id, release, activation`,
    { models, after: afterMs },
  );
}

/** By model: payments that rest on something appended after a moment, and activations with covered stragglers since then. */
export async function changedSince(
  database: Database,
  models: readonly FlaggedModel[],
  afterMs: number,
): Promise<ReadonlyMap<string, readonly Changed[]>> {
  if (models.length === 0) return new Map();
  const params = { models: models.map(({ model }) => model), after: afterMs };
  const [payments, stragglers] = await Promise.all([
    database.select<{ model_id: string; payment_id: string; version: string }>(
      `SELECT model_id, payment_id, toString(max(version)) AS version FROM payment_model_rows
       WHERE model_id IN {models:Array(String)} AND known_at > ${AFTER} GROUP BY model_id, payment_id`,
      params,
    ),
    database.select<{ model_id: string }>(
      `SELECT DISTINCT model_id FROM inference_rows
       WHERE model_id IN {models:Array(String)} AND phase = 'stale' AND appended_at > ${AFTER}`,
      params,
    ),
  ]);
  const stale = await staleSince(
    database,
    stragglers.map((row) => row.model_id),
    afterMs,
  );
  const changes = [
    ...payments.map(({ model_id: model, payment_id: paymentId, version }) => {
      return { model, name: `payment ${paymentId}`, rowVersion: version, paymentId };
    }),
    ...stale.map(({ model_id: model, release, activation, first }) => {
      return { model, name: `stale ${String(activation)} ${release}`, rowVersion: first, paymentId: null };
    }),
  ];
  return groupBy(changes, ({ model }) => model);
}
