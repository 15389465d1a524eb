import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';

import { loadConfig } from '../../services/shared/config.js';
import { withAdmin } from '../../services/shared/kafka/admin.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { serverEnv } from './servers.fixture.js';

/** The services that a process started. */
function servicesOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(Number(name)) === pid)
    .filter((name) => readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('/services/'))
    .map(Number);
}

function parentOf(pid: number): number {
  if (!existsSync(`/proc/${pid}/stat`)) return Number.NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** Each starts services, and makes topics and tables on the servers that are named. */
it('a bench that is ended with Ctrl-C leaves no service, topic or table behind', { timeout: 120_000 }, async () => {
  const main = join(packageRoot(), 'test', 'bench', 'alerts', 'main.ts');
  const args = ['--rate', '50', '--payments', '10', '--retroactive', '10'];
  const bench = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
    cwd: packageRoot(),
    env: { ...process.env, ...serverEnv() },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const ended = once(bench, 'exit');
  for await (const line of createInterface(bench.stderr)) if (line.includes('events a second')) break;
  const services = servicesOf(bench.pid ?? 0);
  expect(services).toHaveLength(7);
  bench.kill('SIGINT');
  expect(await ended).toEqual([130, null]);
  expect(services.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  const { kafka } = loadConfig(serverEnv());
  const topics = await withAdmin(kafka, (admin) => admin.listTopics());
  expect(topics.filter((topic) => topic.startsWith('alerts_'))).toEqual([]);
});
