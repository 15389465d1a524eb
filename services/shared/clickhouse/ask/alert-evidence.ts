import type { StaleSpan } from '../../core/alerts.js';
import { sortedIds } from '../../core/order.js';
import type { ReleaseFact } from '../../core/record.js';
import type { Records } from '../../core/trail.js';
import type { Params } from '../client.js';
import { millis, type ViewReader } from './view-reader.js';

const THE_MODEL = 'model_id = {model:String}';
const EVER_FLAGGED = `${THE_MODEL} AND status = 'attributed' AND has({flagged:Array(String)}, assumeNotNull(release))`;

/** Payments that ever had a part for an inference that was ever attributed to a release that was ever flagged. */
export const MAY_BE_TAINTED = `payment_id IN (
  SELECT payment_id FROM model_payment_revisions ARRAY JOIN parts AS p
  WHERE ${THE_MODEL} AND settled_at IS NOT NULL
    AND p.inference_id IN (SELECT inference_id FROM inference_revisions WHERE ${EVER_FLAGGED}))`;

const THEIR_INFERENCES = `${THE_MODEL}
  AND inference_id IN (SELECT inference_id FROM inference_revisions WHERE ${EVER_FLAGGED})
  AND inference_id IN (SELECT p.inference_id FROM model_payment_revisions ARRAY JOIN parts AS p
    WHERE ${THE_MODEL} AND settled_at IS NOT NULL)`;

// By what rows are ordered by: a few payments must not read all inferences of the model.
const INFERENCES_OF_SOME = `(model_id, occurred_at, inference_id) IN (
  SELECT {model:String}, p.occurred_at, p.inference_id FROM model_payment_revisions ARRAY JOIN parts AS p
  WHERE ${THE_MODEL} AND payment_id IN {payments:Array(String)})`;

/** The release records of a model, whenever they were appended. */
export function releasesOf(views: ViewReader, model: string): Promise<ReleaseFact[]> {
  return views.records('releases', THE_MODEL, { model });
}

export function flaggedReleases(releases: readonly ReleaseFact[]): string[] {
  return sortedIds(
    releases.flatMap(({ record }) => (record.action === 'FLAGGED' && record.release !== null ? [record.release] : [])),
  );
}

/**
 * All that alerts about settlements of a model can rest on, besides its releases.
 * @param of a model with the releases that were ever flagged, and maybe the only payments to judge
 */
export async function settlementEvidence(
  views: ViewReader,
  of: { readonly model: string; readonly flagged: readonly string[]; readonly payments?: readonly string[] },
): Promise<Pick<Records, 'payments' | 'inferences'>> {
  const { model, flagged, payments: only } = of;
  const params: Params = only === undefined ? { model, flagged } : { model, payments: only };
  const [payments, inferences] = await Promise.all([
    views.records('payments', only === undefined ? MAY_BE_TAINTED : 'payment_id IN {payments:Array(String)}', params),
    views.records('inferences', only === undefined ? THEIR_INFERENCES : INFERENCES_OF_SOME, params),
  ]);
  return { payments, inferences };
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
