import {
  flaggedReleases,
  releasesOf,
  settlementEvidence,
  staleSpans,
} from '../shared/clickhouse/ask/alert-evidence.js';
import { ViewReader } from '../shared/clickhouse/ask/view-reader.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import type { AlertHistory, AlertKind } from '../shared/core/alert-ledger.js';
import { alertsOf } from '../shared/core/alerts.js';
import { Trail } from '../shared/core/trail.js';

/** Some alerts of one model, and which of its alerts these are: those of the same reach that are not among them are none. */
export interface Judged {
  readonly modelId: string;
  readonly alerts: readonly AlertHistory[];
  readonly reach: Reach;
}

/** Alerts about what served, and not about money; those about stale serving alone; or those about some payments. */
export type Reach = 'serving' | 'stale' | { readonly payments: readonly string[] };

/** Later than any append time, and earlier than the end of time in the views: all that is there is known. */
const EVERYTHING_MS = Date.UTC(2299, 0);

/** Judges the alerts of a model from all that is there, whatever was judged before. */
export async function judge(database: Pick<ClickHouse, 'select'>, modelId: string, reach: Reach): Promise<Judged> {
  const views = new ViewReader(database);
  const isMoney = typeof reach === 'object';
  const [releases, evidence] = await Promise.all([
    releasesOf(views, modelId),
    isMoney ? settlementEvidence(views, modelId, reach.payments) : { payments: [], inferences: [] },
  ]);
  const flagged = flaggedReleases(releases);
  if (flagged.length === 0) return { modelId, alerts: [], reach };
  const stale = isMoney ? [] : await staleSpans(views, { model: modelId, flagged });
  const trail = Trail.of({ releases, ...evidence, proofs: [], agents: [] }, EVERYTHING_MS);
  return { modelId, alerts: alertsOf(trail, modelId, stale).filter(({ kind }) => isWithin(kind, reach)), reach };
}

/** Whether alerts of a kind are judged. */
function isWithin(kind: AlertKind, reach: Reach): boolean {
  return kind === 'STALE_SERVING'
    ? typeof reach === 'string'
    : kind === 'SETTLED_ON_FLAGGED'
      ? typeof reach === 'object'
      : reach === 'serving';
}
