import { join } from 'node:path';
import { topicName } from '../../schemas/topics.js';
import type { Random } from '../../services/demo/random.js';
import { elapsedMs, sleep } from '../../services/shared/clock.js';
import { loadConfig } from '../../services/shared/config.js';
import { groupConsumer } from '../../services/shared/kafka/group-consumer.js';
import { packageRoot } from '../../services/shared/package-root.js';
import type { ConsumerHandlers } from '../../services/shared/runtime/ports.js';
import { HTTP_FAULTS, type FaultProxy } from '../faults/fault-proxy.js';
import { SESSION_TIMEOUT_MS, type Victim } from './victim.js';

export interface Scene {
  readonly victim: Victim;
  /** In front of the registry and ClickHouse, for the stories. */
  readonly proxies: readonly FaultProxy[];
  readonly random: Random;
  /** The longest that a server is away. */
  readonly awayMaxMs: number;
  /** Aborts when all is to end: a fault may outlast its round. */
  readonly ending: AbortSignal;
}

/** Lasts as long as the fault does; says what was done, or null when there was nothing to do it to. */
type Fault = (scene: Scene) => Promise<string | null>;

const SERVICES = ['release', 'inference', 'proof', 'agent', 'payment', 'window', 'alert'] as const;
/** Those with groups that another member can join, and what they read. */
const CONSUMERS = {
  release: 'releases',
  inference: 'inferences',
  proof: 'proofs',
  payment: 'payments',
  agent: 'agents',
} as const;
const CONSUMER_NAMES = Object.keys(CONSUMERS) as (keyof typeof CONSUMERS)[];
const REBALANCE_EVERY_MS = 2_000;
const REBALANCES = 8;
const JUMPS_HOURS = [-48, -1, 1, 20];
const AWAY_MIN_MS = 3_000;
/** By then a command has begun. */
const BEGUN_MS = 10_000;

function killing(names: readonly string[], signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Fault {
  return async ({ victim, random }) => {
    const name = random.pick(names);
    return Promise.resolve(victim.kill(name, signal) ? name : null);
  };
}

function freezing(names: readonly string[], shortestMs: number, longestMs: number): Fault {
  return async ({ victim, random, ending }) => {
    const name = random.pick(names);
    const ms = random.between(shortestMs, longestMs);
    const identity = victim.freeze(name);
    if (identity === null) return null;
    await sleep(ms, ending);
    victim.thaw(identity);
    return `${name} for ${ms} ms`;
  };
}

/** A server is killed as often as it comes back. */
function away(name: string): Fault {
  return async ({ victim, random, awayMaxMs, ending }) => {
    const ms = random.between(Math.min(AWAY_MIN_MS, awayMaxMs), awayMaxMs);
    const untilMs = elapsedMs() + ms;
    while (elapsedMs() < untilMs && !ending.aborted) {
      victim.kill(name);
      await sleep(200, ending);
    }
    return `${name} for ${ms} ms`;
  };
}

const IDLE_MEMBER: ConsumerHandlers = {
  moved: () => Promise.resolve(),
  assigned: () => Promise.resolve(),
  batch: () => Promise.resolve(),
  crashed: () => undefined,
};

/** A member that takes partitions and does nothing with them comes and goes: a change of the group every two seconds. */
async function rebalance({ victim, random, ending }: Scene): Promise<string> {
  const name = random.pick(CONSUMER_NAMES);
  const { kafka } = loadConfig({ ...victim.endpoints() });
  const group = { groupId: `backtrail.${name}`, sessionTimeoutMs: SESSION_TIMEOUT_MS };
  let changes = 0;
  while (changes < REBALANCES && !ending.aborted) {
    const member = groupConsumer(kafka, { ...group, topics: [topicName(CONSUMERS[name], kafka.topicPrefix)] });
    // The broker may be away just now.
    const started = member.start(IDLE_MEMBER).catch(() => undefined);
    await Promise.race([started, sleep(REBALANCE_EVERY_MS, ending)]);
    await sleep(REBALANCE_EVERY_MS, ending);
    await member.stop().catch(() => undefined);
    await sleep(REBALANCE_EVERY_MS, ending);
    changes += 2;
  }
  return `${name}, ${changes} in a row, ${REBALANCE_EVERY_MS} ms apart`;
}

/** Another instance joins the group, and leaves by dying. */
function joining(env: (random: Random) => Record<string, string>): Fault {
  return async ({ victim, random, ending }) => {
    const name = random.pick(CONSUMER_NAMES);
    const settings = env(random);
    for (let i = 0; i < 2 && !ending.aborted; i += 1) {
      const child = victim.child(`services/${name}/main`, [], { ...victim.endpoints(), ...settings, PORT: '0' });
      child.stdout?.resume();
      child.stderr?.resume();
      await sleep(REBALANCE_EVERY_MS * 3, ending);
      child.kill(random.pick(['SIGTERM', 'SIGKILL'] as const));
      await sleep(REBALANCE_EVERY_MS, ending);
    }
    return `${name} ${settings['CLOCK_JUMP_MS'] ?? ''}`;
  };
}

const JUMP = join(packageRoot(), 'test', 'chaos', 'jumped-clock.mjs');
const HTTP_FAULT_NAMES = Object.keys(HTTP_FAULTS) as (keyof typeof HTTP_FAULTS)[];

export const FAULTS = {
  'kill-service': killing(SERVICES),
  'kill-broker': killing(['kafka']),
  'kill-registry': killing(['registry']),
  'kill-clickhouse': killing(['clickhouse']),
  'kill-supervisor': killing(['supervisor']),
  'restart-broker': killing(['kafka'], 'SIGTERM'),
  'restart-service': killing(SERVICES, 'SIGTERM'),
  'freeze-service': freezing(SERVICES, 500, 4_000),
  'zombie-service': freezing(SERVICES, SESSION_TIMEOUT_MS + 1_000, SESSION_TIMEOUT_MS + 6_000),
  'freeze-server': freezing(['kafka', 'registry', 'clickhouse'], 1_000, 8_000),
  'freeze-supervisor': freezing(['supervisor'], 1_000, 5_000),
  'clickhouse-away': away('clickhouse'),
  'registry-away': away('registry'),
  'broker-away': away('kafka'),
  'disk-full': async ({ victim, random, ending }) => {
    const ms = random.between(3_000, 20_000);
    // A command that begins on a full disk says so and ends.
    await sleep(BEGUN_MS - victim.sinceCommandMs(), ending);
    const free = victim.fillDisk();
    if (free === null) return null;
    await sleep(ms, ending);
    free();
    return `for ${ms} ms`;
  },
  rebalances: rebalance,
  'second-instance': joining(() => ({})),
  'clock-jumps': joining((random) => ({
    NODE_OPTIONS: `--import=${JUMP}`,
    CLOCK_JUMP_MS: String(random.pick(JUMPS_HOURS) * 3_600_000),
  })),
  'bad-answers': async ({ proxies, random, ending }) => {
    const [name, ms] = [random.pick(HTTP_FAULT_NAMES), random.between(1_000, 4_000)];
    for (const proxy of proxies) proxy.break(HTTP_FAULTS[name]);
    await sleep(ms, ending);
    for (const proxy of proxies) proxy.mend();
    return `a server ${name}, for ${ms} ms`;
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
