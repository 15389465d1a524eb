import { spawn, type ChildProcess } from 'node:child_process';
import { nodeCommand } from '../../infra/embedded/launch.js';
import type { Random } from '../../services/demo/random.js';
import type { RunServices } from '../../services/scenario/stack-engine.js';
import { sleep } from '../../services/shared/clock.js';
import type { Config } from '../../services/shared/config.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { untilAborted } from '../../services/shared/runtime/instance.js';
import type { Setting } from './run-cases.js';

const SERVICES = ['release', 'inference', 'proof', 'agent', 'payment'] as const;
const KILLS_MIN = 2;
const KILLS_MAX = 5;
// A group waits for a member that was killed: as short as brokers allow by default.
const SESSION_TIMEOUT_MS = 6_000;

/** A process of its own for every instance of every service; random ones are killed without warning, and started again. */
export function killedProcesses(random: Random, say: (sentence: string) => void): (setting: Setting) => RunServices {
  return ({ instances }) =>
    async (config, signal) => {
      const env = environmentOf(config);
      const names = Array.from({ length: instances }, () => SERVICES).flat();
      const running = names.map((name) => ({ name, child: start(name, env) }));
      const failed = new AbortController();
      const ending = AbortSignal.any([signal, failed.signal]);
      const watch = (child: ChildProcess): void => {
        child.once('exit', (code) => {
          if (code !== null && !signal.aborted) failed.abort();
        });
      };
      for (const { child } of running) watch(child);
      const kills = random.between(KILLS_MIN, KILLS_MAX);
      for (let i = 0; i < kills && !ending.aborted; i += 1) {
        await sleep(random.between(100, 4_000), ending);
        const victim = random.pick(running);
        victim.child.kill('SIGKILL');
        say(`killed ${victim.name}`);
        victim.child = start(victim.name, env);
        watch(victim.child);
      }
      await untilAborted(ending);
      await Promise.all(running.map(({ child }) => end(child)));
      if (failed.signal.aborted) throw new Error('a service ended by itself');
    };
}

function start(name: string, env: Record<string, string>): ChildProcess {
  const [program, ...args] = nodeCommand(`services/${name}/main`);
  return spawn(program, args, { cwd: packageRoot(), env, stdio: ['ignore', 'ignore', 'inherit'] });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

function environmentOf({ kafka, registry, clickhouse, limits }: Config): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    KAFKA_BROKERS: kafka.brokers.join(','),
    TOPIC_PREFIX: kafka.topicPrefix,
    SCHEMA_REGISTRY_URL: registry.url,
    CLICKHOUSE_URL: clickhouse.url,
    CLICKHOUSE_USER: clickhouse.user,
    CLICKHOUSE_PASSWORD: clickhouse.password,
    CLICKHOUSE_DATABASE: clickhouse.database,
    LOG_LEVEL: 'fatal',
    BATCH_ROWS_MAX: String(limits.batchRowsMax),
    SWEEP_ROWS_MAX: String(limits.sweepRowsMax),
    IDLE_CHECK_MS: String(limits.idleCheckMs),
    SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
  };
}
