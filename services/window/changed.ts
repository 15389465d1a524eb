import type { ClickHouse } from '../shared/clickhouse/client.js';

const SPAN =
  "> fromUnixTimestamp64Milli({after:Int64}, 'UTC') AND %s <= fromUnixTimestamp64Milli({until:Int64}, 'UTC')";

function within(column: string): string {
  return `${column} ${SPAN.replace('%s', column)}`;
}

/**
 * The models whose windows may say something else at one moment than at an earlier one, because of what was appended in
 * between, or because time passed the end of an activation; wider is allowed. An agent's record may reach any model
 * through the agents it names. Those come first whose releases changed: a flag is what somebody waits for.
 */
export async function changedModels(
  database: Pick<ClickHouse, 'select'>,
  span: { afterMs: number; untilMs: number },
): Promise<string[]> {
  const appended = within('appended_at');
  const rows = await database.select<{ model_id: string }>(
    `SELECT model_id FROM (
       SELECT model_id, 0 AS rank FROM release_facts WHERE ${appended}
       UNION ALL SELECT model_id, 1 FROM inference_rows WHERE ${appended}
       UNION ALL SELECT model_id, 1 FROM inference_rows
         WHERE inference_id IN (SELECT inference_id FROM proof_facts WHERE ${appended})
       UNION ALL SELECT arrayJoin(models), 1 FROM payment_rows
         WHERE known_at > fromUnixTimestamp64Milli({after:Int64}, 'UTC')
       UNION ALL SELECT model_id, 1 FROM model_state_rows WHERE (SELECT count() FROM agent_facts WHERE ${appended}) > 0
       UNION ALL SELECT model_id, 0 FROM model_state_rows ARRAY JOIN activations AS a
         WHERE ${within('a.from')} OR (${within('a.to')})
     ) WHERE model_id IN (SELECT model_id FROM model_state_rows)
     GROUP BY model_id ORDER BY min(rank), model_id`,
    { after: span.afterMs, until: span.untilMs },
  );
  return rows.map(({ model_id: modelId }) => modelId);
}

/** The models of which the releases topic said something in between. */
export async function releasedModels(
  database: Pick<ClickHouse, 'select'>,
  span: { afterMs: number; untilMs: number },
): Promise<string[]> {
  const rows = await database.select<{ model_id: string }>(
    `SELECT DISTINCT model_id FROM release_facts WHERE ${within('appended_at')} ORDER BY model_id`,
    { after: span.afterMs, until: span.untilMs },
  );
  return rows.map(({ model_id: modelId }) => modelId);
}
