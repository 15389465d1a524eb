import type { StaleSpan } from '../../core/alerts.js';
import { compareUtf8, sortedIds } from '../../core/order.js';
import type { ReleaseFact } from '../../core/record.js';
import type { Records } from '../../core/trail.js';
import type { Params } from '../client.js';
import { listed } from '../conditions.js';
import { millis, type ViewReader } from './view-reader.js';

const THE_MODEL = 'model_id = {model:String}';
const EVER_FLAGGED = `${THE_MODEL} AND status = 'attributed' AND has({flagged:Array(String)}, assumeNotNull(release))`;

const EVER_PAID = `model_payment_links WHERE ${THE_MODEL} AND ever_settled`;

/** Payments that may ever have had a part for an inference that was ever attributed to a release that was ever flagged. */
const MAY_BE_TAINTED = `SELECT payment_id AS id FROM ${EVER_PAID}
  AND inference_id IN (SELECT inference_id FROM inference_revisions WHERE ${EVER_FLAGGED})`;

/** Payments whose records are in memory together. */
const PAYMENTS_AT_ONCE = 1_000;

/** The release records of a model, whenever they were appended. */
export function releasesOf(views: ViewReader, model: string): Promise<ReleaseFact[]> {
  return views.records('releases', THE_MODEL, { model });
}

export function flaggedReleases(releases: readonly ReleaseFact[]): string[] {
  return sortedIds(
    releases.flatMap(({ record }) => (record.action === 'FLAGGED' && record.release !== null ? [record.release] : [])),
  );
}

/** A model, with its releases that were ever flagged. */
export interface FlaggedWork {
  readonly model: string;
  readonly flagged: readonly string[];
}

/** All that alerts about the settlements of some payments can rest on, besides the releases of the model. */
export async function settlementEvidence(
  views: ViewReader,
  model: string,
  paymentIds: readonly string[],
): Promise<Pick<Records, 'payments' | 'inferences'>> {
  const ids = listed('payments', paymentIds);
  const params = { model, ...ids.params };
  const [payments, inferences] = await Promise.all([
    views.records('payments', `payment_id IN ${ids.sql}`, params),
    views.records('inferences', `(model_id, occurred_at, inference_id) IN (${partsOf(ids.sql)})`, params),
  ]);
  return { payments, inferences };
}

/** What some payments link to of a model, by what the rows of inferences are ordered by. */
function partsOf(paymentIds: string): string {
  return `SELECT model_id, occurred_at, inference_id FROM ${EVER_PAID} AND payment_id IN ${paymentIds}`;
}

/** All payments that may ever have had a tainted part; by id. */
export function everTainted(views: ViewReader, { model, flagged }: FlaggedWork): Promise<string[]> {
  return idsOf(views, `SELECT DISTINCT id FROM (${MAY_BE_TAINTED})`, { model, flagged });
}

/** The same, and those that have an alert. */
export function everAlerted(views: ViewReader, { model, flagged }: FlaggedWork): Promise<string[]> {
  const alerted = `SELECT subject AS id FROM alerts WHERE ${THE_MODEL} AND kind = 'SETTLED_ON_FLAGGED'`;
  return idsOf(views, `${MAY_BE_TAINTED} UNION DISTINCT ${alerted}`, { model, flagged });
}

async function idsOf(views: ViewReader, sql: string, params: Params): Promise<string[]> {
  const rows = await views.rows<{ id: string }>(sql, params);
  return rows.map(({ id }) => id).sort(compareUtf8);
}

/** Parts of some payments that are judged together. */
export function slicesOf(paymentIds: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(paymentIds.length / PAYMENTS_AT_ONCE) }, (_, i) =>
    paymentIds.slice(i * PAYMENTS_AT_ONCE, (i + 1) * PAYMENTS_AT_ONCE),
  );
}

/** So few payments are judged as fast as it is found out which of them may have a tainted part. */
const FEW_PAYMENTS = 200;

/** Some payments without those that cannot have a tainted part; of a few all. */
export async function maybeTainted(
  views: ViewReader,
  { model, flagged }: FlaggedWork,
  paymentIds: readonly string[],
): Promise<readonly string[]> {
  if (paymentIds.length <= FEW_PAYMENTS) return paymentIds;
  const ids = listed('payments', paymentIds);
  const rows = await views.rows<{ payment_id: string }>(
    `SELECT DISTINCT payment_id FROM ${EVER_PAID} AND payment_id IN ${ids.sql} AND inference_id IN (
       SELECT inference_id FROM inference_revisions
       WHERE ${EVER_FLAGGED} AND (model_id, occurred_at, inference_id) IN (${partsOf(ids.sql)}))`,
    { model, flagged, ...ids.params },
  );
  return rows.map(({ payment_id: id }) => id);
}

/** From when until when covered stale inferences were known: those that end together are one from the first on. */
export async function staleSpans(views: ViewReader, params: Params, condition = 'true'): Promise<StaleSpan[]> {
  const rows = await views.rows<{ release: string; activation: number; from_ms: string; until_ms: string }>(
    `SELECT release, activation, ${millis('min(said_from)', 'from_ms')}, ${millis('ended', 'until_ms')}
     FROM (
       SELECT assumeNotNull(i.release) AS release, assumeNotNull(i.activation) AS activation,
         greatest(i.known_at, c.known_at) AS said_from, least(i.said_until, c.said_until) AS ended
       FROM (
         SELECT * FROM inference_revisions WHERE ${EVER_FLAGGED} AND phase = 'stale' AND (${condition})
       ) AS i
       INNER JOIN flag_coverage_revisions AS c
         ON i.model_id = c.model_id AND i.release = c.release AND i.occurred_at >= c.from AND i.occurred_at < c.until
         AND (c.any_target OR c.target_id = i.target_id)
       WHERE said_from < ended
     )
     GROUP BY release, activation, ended`,
    params,
  );
  return rows.map((row) => ({
    release: row.release,
    activation: row.activation,
    fromMs: Number(row.from_ms),
    untilMs: Number(row.until_ms),
  }));
}
