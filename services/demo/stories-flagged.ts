import { ReleaseScript, type ModelPlan, type ReleasePlan, type Storyteller } from './network.js';

const ALL = 10_000;

export function release(
  teller: Storyteller,
  name: string,
  blobs: number,
  sharedBlob: string | null = null,
): ReleasePlan {
  return { name, ownBlobs: Array.from({ length: blobs }, () => teller.random.blobId()), sharedBlob };
}

export function byName(...releases: readonly ReleasePlan[]): ReadonlyMap<string, ReleasePlan> {
  return new Map(releases.map((each) => [each.name, each]));
}

/**
 * The main incident. A canary looks good, the full release does not; it is rolled back (the record comes two minutes
 * after the fact), a few nodes never hear of it, and only an hour and a half later somebody declares it bad.
 *
 *     v1.4.0 ████████████▓▓▓▓▓▓▓▓▓         ██████████████████████████▓▓▓
 *     v1.5.0             ░░░░░░░░░█████████ · · · ·    flagged
 *     v1.5.1                                                       ░░░████
 */
export function volatilityStory(teller: Storyteller): ModelPlan {
  const { at } = teller;
  const id = `og-1hr-volatility-ethusdt-${teller.run}`;
  const good = release(teller, 'v1.4.0', 2);
  const bad = release(teller, 'v1.5.0', 2);
  const fix = release(teller, 'v1.5.1', 2);
  const { log } = new ReleaseScript(teller, id)
    .say(0, 'PUBLISHED', { release: good.name, blob_ids: [...good.ownBlobs] })
    .say(0.5, 'TRAFFIC_SET', { traffic: { [good.name]: ALL }, actor: 'ci' })
    .say(60, 'PUBLISHED', { release: bad.name, blob_ids: bad.ownBlobs.slice(0, 1) })
    .say(61, 'PUBLISHED', { release: bad.name, blob_ids: bad.ownBlobs.slice(1) })
    .say(75, 'TRAFFIC_SET', { traffic: { [good.name]: 9000, [bad.name]: 1000 }, actor: 'ci', reason: 'canary' })
    .say(120, 'TRAFFIC_SET', { traffic: { [bad.name]: ALL }, actor: 'ci', reason: 'canary is healthy' })
    .say(170, 'ROLLED_BACK', {
      release: bad.name,
      to: good.name,
      effective_at: at(168),
      actor: 'on-call',
      reason: 'forecasts off by an order of magnitude',
    })
    .say(250, 'FLAGGED', { release: bad.name, flag_id: 'post-mortem-1', severity: 'CRITICAL', actor: 'risk' })
    .say(300, 'PUBLISHED', { release: fix.name, blob_ids: [...fix.ownBlobs] })
    .say(310, 'TRAFFIC_SET', { traffic: { [good.name]: 9500, [fix.name]: 500 }, actor: 'ci', reason: 'canary' })
    .say(335, 'TRAFFIC_SET', { traffic: { [fix.name]: ALL }, actor: 'ci' });
  return {
    id,
    weight: 42,
    proxied: false,
    releases: byName(good, bad, fix),
    segments: [
      { from: at(0.5), shares: { [good.name]: ALL } },
      { from: at(75), shares: { [good.name]: 9000, [bad.name]: 1000 } },
      { from: at(120), shares: { [bad.name]: ALL } },
      { from: at(168), shares: { [good.name]: ALL } },
      { from: at(310), shares: { [good.name]: 9500, [fix.name]: 500 } },
      { from: at(335), shares: { [fix.name]: ALL } },
    ],
    activations: [
      { release: good.name, activation: 1, from: at(0.5), to: at(120), restored: null },
      { release: bad.name, activation: 1, from: at(75), to: at(168), restored: good.name },
      { release: good.name, activation: 2, from: at(168), to: at(335), restored: null },
      { release: fix.name, activation: 1, from: at(310), to: null, restored: null },
    ],
    bindings: [],
    stragglers: [{ release: bad.name, until: at(215), share: 0.1 }],
    flag: {
      release: bad.name,
      declaredAt: at(250),
      withdrawnAt: null,
      activation: null,
      from: null,
      until: null,
    },
    incident: {
      state: 'contained',
      activations: [1],
      containedAt: at(168),
      recoveredAt: at(168),
      reactivatedAt: null,
    },
    log,
  };
}

/**
 * A false alarm: rolled back, flagged, and the flag withdrawn an hour and a half later, when the fault is found to have
 * been in the news feed. The release then comes back.
 */
export function sentimentStory(teller: Storyteller): ModelPlan {
  const { at } = teller;
  const id = `news-sentiment-${teller.run}`;
  const older = release(teller, '2026-02', 1);
  const newer = release(teller, '2026-03', 1);
  const { log } = new ReleaseScript(teller, id)
    .say(0, 'PUBLISHED', { release: older.name, blob_ids: [...older.ownBlobs] })
    .say(1, 'TRAFFIC_SET', { traffic: { [older.name]: ALL } })
    .say(85, 'PUBLISHED', { release: newer.name, blob_ids: [...newer.ownBlobs] })
    .say(90, 'TRAFFIC_SET', { traffic: { [newer.name]: ALL } })
    .say(140, 'ROLLED_BACK', { release: newer.name, to: older.name, reason: 'sentiment stuck at neutral' })
    .say(145, 'FLAGGED', { release: newer.name, flag_id: 'stuck-neutral', severity: 'HIGH', activation: 1 })
    .say(230, 'UNFLAGGED', { flag_id: 'stuck-neutral', reason: 'the news feed was down, the model was right' })
    .say(240, 'TRAFFIC_SET', { traffic: { [newer.name]: ALL } });
  return {
    id,
    weight: 14,
    proxied: false,
    releases: byName(older, newer),
    segments: [
      { from: at(1), shares: { [older.name]: ALL } },
      { from: at(90), shares: { [newer.name]: ALL } },
      { from: at(140), shares: { [older.name]: ALL } },
      { from: at(240), shares: { [newer.name]: ALL } },
    ],
    activations: [
      { release: older.name, activation: 1, from: at(1), to: at(90), restored: null },
      { release: newer.name, activation: 1, from: at(90), to: at(140), restored: older.name },
      { release: older.name, activation: 2, from: at(140), to: at(240), restored: null },
      { release: newer.name, activation: 2, from: at(240), to: null, restored: null },
    ],
    bindings: [],
    stragglers: [{ release: newer.name, until: at(160), share: 0.1 }],
    flag: {
      release: newer.name,
      declaredAt: at(145),
      withdrawnAt: at(230),
      activation: 1,
      from: null,
      until: null,
    },
    incident: { state: 'withdrawn', activations: [], containedAt: null, recoveredAt: null, reactivatedAt: null },
    log,
  };
}

/**
 * A canary that leaves hardly any evidence: most of its requests could have been served by either release. Fifteen
 * minutes of it are declared bad, so most of the damage is only possible, and Backtrail has to say so.
 */
export function riskStory(teller: Storyteller): ModelPlan {
  const { at } = teller;
  const id = `loan-risk-scorer-${teller.run}`;
  const steady = release(teller, 'b11', 1);
  const canary = release(teller, 'b12', 1);
  const { log } = new ReleaseScript(teller, id)
    .say(0, 'PUBLISHED', { release: steady.name, blob_ids: [...steady.ownBlobs] })
    .say(5, 'TRAFFIC_SET', { traffic: { [steady.name]: ALL } })
    .say(195, 'PUBLISHED', { release: canary.name, blob_ids: [...canary.ownBlobs] })
    .say(200, 'TRAFFIC_SET', { traffic: { [steady.name]: 8000, [canary.name]: 2000 }, reason: 'canary' })
    .say(230, 'ROLLED_BACK', { release: canary.name, to: steady.name, reason: 'drift' })
    .say(260, 'FLAGGED', {
      release: canary.name,
      flag_id: 'drift-0210',
      severity: 'HIGH',
      from: at(210),
      until: at(225),
    });
  return {
    id,
    weight: 12,
    proxied: false,
    releases: byName(steady, canary),
    segments: [
      { from: at(5), shares: { [steady.name]: ALL } },
      { from: at(200), shares: { [steady.name]: 8000, [canary.name]: 2000 } },
      { from: at(230), shares: { [steady.name]: ALL } },
    ],
    activations: [
      { release: steady.name, activation: 1, from: at(5), to: null, restored: null },
      { release: canary.name, activation: 1, from: at(200), to: at(230), restored: steady.name },
    ],
    bindings: [],
    stragglers: [],
    flag: {
      release: canary.name,
      declaredAt: at(260),
      withdrawnAt: null,
      activation: null,
      from: at(210),
      until: at(225),
    },
    incident: {
      state: 'contained',
      activations: [1],
      containedAt: at(230),
      recoveredAt: at(225),
      reactivatedAt: null,
    },
    log,
  };
}
