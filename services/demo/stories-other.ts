import { ReleaseScript, type Binding, type ModelPlan, type Storyteller } from './network.js';
import { byName, release } from './stories-flagged.js';

const ALL = 10_000;

/**
 * A proxied model: releases are enclave images, and what served a request is known by the enclave that signed it. The bad
 * image is flagged while it has all the traffic; going back takes six minutes without service; one enclave keeps
 * serving although it was revoked; people close the incident, and then a deployment script brings the image back.
 *
 *     gw-1.8.2 ██████████▓▓▓▓▓▓             ███████████▓▓▓▓█████
 *     gw-1.9.0           ░░░░░░██████⚑██ ·  ·  ·      ░░░░
 *                                       outage  closed
 */
export function gatewayStory(teller: Storyteller): ModelPlan {
  const { at, random } = teller;
  const id = `llm-gateway-${teller.run}`;
  const good = release(teller, 'gw-1.8.2', 0);
  const bad = release(teller, 'gw-1.9.0', 0);
  const [t1 = '', t2 = '', t3 = '', t4 = '', revoked = '', lateHeard = ''] = Array.from({ length: 6 }, () =>
    random.hex(32),
  );
  const bindings: Binding[] = [
    ...[t1, t2].flatMap((target) => [
      { target, release: good.name, from: at(0), to: at(130) },
      { target, release: bad.name, from: at(130), to: at(190) },
      { target, release: good.name, from: at(196), to: null },
    ]),
    { target: t3, release: bad.name, from: at(100), to: at(190) },
    { target: t4, release: good.name, from: at(0), to: at(130) },
    { target: t4, release: bad.name, from: at(130), to: at(190) },
    { target: t4, release: good.name, from: at(196), to: at(290) },
    { target: t4, release: bad.name, from: at(290), to: at(296) },
    { target: t4, release: good.name, from: at(296), to: null },
    { target: revoked, release: bad.name, from: at(100), to: at(225), unboundAt: at(190) },
    // The registry's indexer lost this one and found it an hour and a half later.
    { target: lateHeard, release: bad.name, from: at(100), to: at(130), heardAt: at(205) },
  ];
  const script = new ReleaseScript(teller, id)
    .say(0, 'PUBLISHED', { release: good.name, digest: random.hex(32) })
    .say(0.5, 'TRAFFIC_SET', { traffic: { [good.name]: ALL }, actor: 'registry' })
    .say(95, 'PUBLISHED', { release: bad.name, digest: random.hex(32) })
    .say(100, 'TRAFFIC_SET', { traffic: { [good.name]: 7000, [bad.name]: 3000 }, reason: 'canary' })
    .say(130, 'TRAFFIC_SET', { traffic: { [bad.name]: ALL } })
    .say(180, 'FLAGGED', { release: bad.name, flag_id: 'prompt-leak', severity: 'CRITICAL', actor: 'security' })
    .say(190, 'ROLLED_BACK', { release: bad.name, to: good.name, traffic: {}, reason: 'measurement revoked' })
    .say(190, 'TARGET_UNBOUND', { release: bad.name, target_id: t3 })
    .say(190, 'TARGET_UNBOUND', { release: bad.name, target_id: revoked })
    .say(196, 'TRAFFIC_SET', { traffic: { [good.name]: ALL }, reason: 'enclaves of the older image are up' })
    // Declared again now that its activation has ended: what comes after is a new one, not the old one restated.
    .say(202, 'FLAGGED', {
      release: bad.name,
      flag_id: 'prompt-leak-confirmed',
      severity: 'CRITICAL',
      actor: 'security',
    })
    .say(240, 'INCIDENT_CLOSED', { release: bad.name, actor: 'security' })
    .say(290, 'TRAFFIC_SET', { traffic: { [good.name]: 5000, [bad.name]: 5000 }, actor: 'deploy-script' })
    .say(296, 'TRAFFIC_SET', { traffic: { [good.name]: ALL }, actor: 'on-call', reason: 'that image is revoked' });
  for (const binding of bindings) {
    const minute = (binding.from - at(0)) / (at(1) - at(0));
    const heardMinute = binding.heardAt === undefined ? minute : (binding.heardAt - at(0)) / (at(1) - at(0));
    script.say(minute, 'TARGET_BOUND', { release: binding.release, target_id: binding.target }, heardMinute);
  }
  return {
    id,
    weight: 20,
    proxied: true,
    releases: byName(good, bad),
    segments: [
      { from: at(0.5), shares: { [good.name]: ALL } },
      { from: at(100), shares: { [good.name]: 7000, [bad.name]: 3000 } },
      { from: at(130), shares: { [bad.name]: ALL } },
      { from: at(190), shares: {} },
      { from: at(196), shares: { [good.name]: ALL } },
      { from: at(290), shares: { [good.name]: 5000, [bad.name]: 5000 } },
      { from: at(296), shares: { [good.name]: ALL } },
    ],
    activations: [
      { release: good.name, activation: 1, from: at(0.5), to: at(130), restored: null },
      { release: bad.name, activation: 1, from: at(100), to: at(190), restored: good.name },
      { release: good.name, activation: 2, from: at(196), to: null, restored: null },
      { release: bad.name, activation: 2, from: at(290), to: at(296), restored: null },
    ],
    bindings,
    stragglers: [{ release: bad.name, until: at(225), share: 0.08 }],
    flag: {
      release: bad.name,
      declaredAt: at(180),
      withdrawnAt: null,
      activation: null,
      from: null,
      until: null,
    },
    incident: {
      state: 'reopened',
      activations: [1, 2],
      containedAt: at(296),
      recoveredAt: at(196),
      reactivatedAt: at(290),
    },
    log: script.log,
  };
}

/** Nothing is wrong here; two of the releases share a tokenizer, and a node is warmed up with the third before its time. */
export function forecastStory(teller: Storyteller): ModelPlan {
  const { at, random } = teller;
  const id = `spot-forecast-btcusdt-${teller.run}`;
  const tokenizer = random.blobId();
  const r7 = release(teller, 'r7', 1, tokenizer);
  const r8 = release(teller, 'r8', 1, tokenizer);
  const r9 = release(teller, 'r9', 1);
  const { log } = new ReleaseScript(teller, id)
    .say(0, 'PUBLISHED', { release: r7.name, blob_ids: [...r7.ownBlobs, tokenizer] })
    .say(0.5, 'TRAFFIC_SET', { traffic: { [r7.name]: ALL } })
    .say(35, 'PUBLISHED', { release: r8.name, blob_ids: [...r8.ownBlobs, tokenizer] })
    .say(40, 'TRAFFIC_SET', { traffic: { [r7.name]: 8000, [r8.name]: 2000 }, reason: 'canary' })
    .say(80, 'TRAFFIC_SET', { traffic: { [r8.name]: ALL } })
    .say(190, 'PUBLISHED', { release: r9.name, blob_ids: [...r9.ownBlobs] })
    .say(220, 'TRAFFIC_SET', { traffic: { [r9.name]: ALL } })
    .say(330, 'RETIRED', { release: r7.name });
  return {
    id,
    weight: 12,
    proxied: false,
    releases: byName(r7, r8, r9),
    segments: [
      { from: at(0.5), shares: { [r7.name]: ALL } },
      { from: at(40), shares: { [r7.name]: 8000, [r8.name]: 2000 } },
      { from: at(80), shares: { [r8.name]: ALL } },
      { from: at(220), shares: { [r9.name]: ALL } },
    ],
    activations: [
      { release: r7.name, activation: 1, from: at(0.5), to: at(80), restored: null },
      { release: r8.name, activation: 1, from: at(40), to: at(220), restored: null },
      { release: r9.name, activation: 1, from: at(220), to: null, restored: null },
    ],
    bindings: [],
    stragglers: [],
    flag: null,
    incident: { state: 'none', activations: [], containedAt: null, recoveredAt: null, reactivatedAt: null },
    log,
  };
}
