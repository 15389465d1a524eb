import type { ClickHouse } from '../shared/clickhouse/client.js';

const SINCE =
  "appended_at > fromUnixTimestamp64Milli({after:Int64}, 'UTC') AND appended_at <= fromUnixTimestamp64Milli({until:Int64}, 'UTC')";

/** Inferences whose own record, or a payment of theirs, is new. */
const NEW_INFERENCES = `SELECT inference_id FROM inference_facts WHERE ${SINCE}`;

/** Payments with a new record, or with a new inference among what they name: it shares in their split. */
const CHANGED_PAYMENTS = `
  SELECT payment_id FROM payment_facts WHERE ${SINCE}
  UNION DISTINCT
  SELECT payment_id FROM payment_facts ARRAY JOIN allocations AS a WHERE a.inference_id IN (${NEW_INFERENCES})
  UNION DISTINCT
  SELECT payment_id FROM payment_facts
  WHERE session_id IN (SELECT session_id FROM inference_facts WHERE ${SINCE} AND session_id IS NOT NULL)`;

/**
 * The models whose windows a record appended in `(afterMs, untilMs]` may change; wider is allowed. An agent's record
 * may reach any model through the agents it names.
 */
export async function changedModels(
  database: Pick<ClickHouse, 'select'>,
  span: { afterMs: number; untilMs: number },
): Promise<string[]> {
  const paidFor = `payment_id IN (${CHANGED_PAYMENTS})`;
  const rows = await database.select<{ model_id: string }>(
    `SELECT DISTINCT model_id FROM (
       SELECT model_id FROM release_facts WHERE ${SINCE}
       UNION ALL SELECT model_id FROM inference_facts WHERE ${SINCE}
       UNION ALL SELECT model_id FROM inference_facts
         WHERE inference_id IN (SELECT inference_id FROM proof_facts WHERE ${SINCE})
       UNION ALL SELECT assumeNotNull(model_id) FROM payment_facts WHERE ${paidFor} AND model_id IS NOT NULL
       UNION ALL SELECT model_id FROM inference_facts
         WHERE inference_id IN (SELECT a.inference_id FROM payment_facts ARRAY JOIN allocations AS a WHERE ${paidFor})
            OR session_id IN (SELECT session_id FROM payment_facts WHERE ${paidFor} AND session_id IS NOT NULL)
       UNION ALL SELECT model_id FROM release_facts WHERE (SELECT count() FROM agent_facts WHERE ${SINCE}) > 0
     ) WHERE model_id IN (SELECT model_id FROM release_facts) ORDER BY model_id`,
    { after: span.afterMs, until: span.untilMs },
  );
  return rows.map(({ model_id: modelId }) => modelId);
}
