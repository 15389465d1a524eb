import { afterAll, beforeAll, expect, it } from 'vitest';

import { seededRandom } from '../../services/demo/random.js';
import { brokenRound } from '../chaos/broken-round.js';
import type { FaultName } from '../chaos/faults.js';
import { Victim } from '../chaos/victim.js';
import { FaultProxy } from '../faults/fault-proxy.js';

/** What dies or stands still most often; `npm run chaos` has all the rest. */
const FAULTS: readonly FaultName[] = [
  'kill-service',
  'kill-broker',
  'freeze-service',
  'kill-clickhouse',
  'kill-service',
];
const LIMIT_MS = 300_000;

let victim: Victim;
let proxies: FaultProxy[] = [];

beforeAll(async () => {
  victim = new Victim(process.env);
  await victim.start();
  const { SCHEMA_REGISTRY_URL, CLICKHOUSE_URL } = victim.endpoints();
  proxies = [await FaultProxy.to(SCHEMA_REGISTRY_URL), await FaultProxy.to(CLICKHOUSE_URL)];
});
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await victim.end(false);
});

it(
  'a stack whose parts are killed and frozen while it works answers everything as the pure core does',
  async () => {
    const ending = new AbortController().signal;
    const scene = { victim, proxies, random: seededRandom('chaos of every test run'), awayMaxMs: 3_000, ending };
    const left = [...FAULTS];
    const work = { seed: '5', round: 0, stories: 3, events: 2_000 };
    const { faults, questions, findings } = await brokenRound(scene, { ...work, next: () => left.shift() ?? null });
    expect(findings).toEqual([]);
    expect(faults).toBeGreaterThan(0);
    expect(questions).toBeGreaterThan(100);
  },
  LIMIT_MS,
);
