import { join } from 'node:path';
import type { Random } from '../../services/demo/random.js';
import { sleep } from '../../services/shared/clock.js';
import { packageRoot } from '../../services/shared/package-root.js';
import type { TroubledProxy } from './proxy.js';
import { SESSION_TIMEOUT_MS, type Victim } from './victim.js';

export interface Scene {
  readonly victim: Victim;
  /** In front of the registry and ClickHouse, for the stories. */
  readonly proxies: readonly TroubledProxy[];
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Lasts as long as the fault does; says what was done, or null when there was nothing to do it to. */
type Fault = (scene: Scene) => Promise<string | null>;

const SERVICES = ['release', 'inference', 'proof', 'agent', 'payment', 'window', 'alert'] as const;
/** Those with groups that an extra instance can join. */
const CONSUMERS = ['inference', 'proof', 'payment', 'agent', 'release'] as const;
const REBALANCE_EVERY_MS = 2_000;
const JUMPS_HOURS = [-48, -1, 1, 20];

function killing(names: readonly string[]): Fault {
  return async ({ victim, random }) => {
    const name = random.pick(names);
    return Promise.resolve(victim.kill(name) ? name : null);
  };
}

function freezing(names: readonly string[], shortestMs: number, longestMs: number): Fault {
  return async ({ victim, random, signal }) => {
    const name = random.pick(names);
    const ms = random.between(shortestMs, longestMs);
    const identity = victim.freeze(name);
    if (identity === null) return null;
    await sleep(ms, signal);
    victim.thaw(identity);
    return `${name} for ${ms} ms`;
  };
}

/** A server is killed as often as it comes back. */
function away(name: string): Fault {
  return async ({ victim, random, signal }) => {
    const ms = random.between(3_000, 10_000);
    const over = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
    while (!over.aborted) {
      victim.kill(name);
      await sleep(200, over);
    }
    return `${name} for ${ms} ms`;
  };
}

/** Another instance joins the group, and leaves by dying. */
function joining(env: (random: Random) => Record<string, string>): Fault {
  return async ({ victim, random, signal }) => {
    const name = random.pick(CONSUMERS);
    const settings = env(random);
    for (let i = 0; i < 2 && !signal.aborted; i += 1) {
      const child = victim.child(`services/${name}/main`, [], { ...victim.endpoints(), ...settings, PORT: '0' });
      child.stdout?.resume();
      child.stderr?.resume();
      await sleep(REBALANCE_EVERY_MS * 2, signal);
      child.kill(random.pick(['SIGTERM', 'SIGKILL'] as const));
      await sleep(REBALANCE_EVERY_MS, signal);
    }
    return `${name} ${settings['CLOCK_JUMP_MS'] ?? ''}`;
  };
}

const JUMP = join(packageRoot(), 'test', 'chaos', 'jumped-clock.mjs');

export const FAULTS = {
  'kill-service': killing(SERVICES),
  'kill-broker': killing(['kafka']),
  'kill-registry': killing(['registry']),
  'kill-clickhouse': killing(['clickhouse']),
  'kill-supervisor': killing(['supervisor']),
  'freeze-service': freezing(SERVICES, 500, 4_000),
  'zombie-service': freezing(SERVICES, SESSION_TIMEOUT_MS + 1_000, SESSION_TIMEOUT_MS + 6_000),
  'freeze-server': freezing(['kafka', 'registry', 'clickhouse'], 1_000, 8_000),
  'freeze-supervisor': freezing(['supervisor'], 1_000, 5_000),
  'clickhouse-away': away('clickhouse'),
  'registry-away': away('registry'),
  rebalances: joining(() => ({})),
  'clock-jumps': joining((random) => ({
    NODE_OPTIONS: `--import=${JUMP}`,
    CLOCK_JUMP_MS: String(random.pick(JUMPS_HOURS) * 3_600_000),
  })),
  'bad-answers': async ({ proxies, random, signal }) => {
    const [mode, ms] = [random.pick(['slow', 'garbage', 'cut', 'cut-after'] as const), random.between(1_000, 4_000)];
    for (const proxy of proxies) proxy.mode = mode;
    await sleep(ms, signal);
    for (const proxy of proxies) proxy.mode = 'pass';
    return `${mode} for ${ms} ms`;
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
