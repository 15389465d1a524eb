import type { Params } from '../client.js';
import { AS_OF, dateTime } from './view-reader.js';

/**
 * Views of one model at some moments, as subqueries with the moment as column `asked_at` (milliseconds). At one moment it is
 * the as-of view, which reads least. At several it is the revisions, each at the moments at which it was what was known:
 * planning one statement for them costs less than planning one for each.
 */
export class Moments {
  /** The moments, and the model. */
  readonly params: Params;
  readonly #many: boolean;

  constructor(model: string, knownAtMs: readonly number[]) {
    const moments = [...new Set(knownAtMs)].sort((a, b) => a - b);
    this.#many = moments.length > 1;
    const [first = 0] = moments;
    this.params = { model, ...(this.#many ? { moments } : { known: dateTime(first), moment: first }) };
  }

  /** Columns of the inferences that meet a condition on such columns. */
  inferences(columns: string, condition = 'true'): string {
    return this.#many
      ? `(SELECT ${columns}, arrayJoin(arrayFilter(
            k -> toUnixTimestamp64Milli(known_at) <= k AND k < toUnixTimestamp64Milli(said_until), {moments:Array(Int64)}
          )) AS asked_at
          FROM inference_revisions WHERE model_id = {model:String} AND ${condition})`
      : `(SELECT ${columns}, {moment:Int64} AS asked_at FROM inferences${AS_OF} WHERE model_id = {model:String} AND ${condition})`;
  }

  /** The settled payments: payment_id, settled_at, refunded, parts. */
  settledPayments(): string {
    const columns = 'settled_at, settled_appended_at, refunded, names_model, parts';
    return this.#many
      ? `(SELECT payment_id, said.1 AS settled_at, said.3 AS refunded, said.5 AS parts, k AS asked_at
          FROM (
            SELECT payment_id, k, argMax((${columns}), known_at) AS said
            FROM model_payment_revisions ARRAY JOIN {moments:Array(Int64)} AS k
            WHERE model_id = {model:String} AND toUnixTimestamp64Milli(known_at) <= k GROUP BY payment_id, k
          ) WHERE said.1 IS NOT NULL AND (said.4 OR notEmpty(said.5)))`
      : `(SELECT payment_id, settled_at, refunded, parts, {moment:Int64} AS asked_at
          FROM model_payments${AS_OF} WHERE model_id = {model:String} AND settled_at IS NOT NULL)`;
  }

  /** That two of them speak of the same moment. */
  same(one: string, other: string): string {
    return this.#many ? `${one}.asked_at = ${other}.asked_at AND` : '';
  }
}
