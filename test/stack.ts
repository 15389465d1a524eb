import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { endpointEnv } from '../infra/embedded/endpoints.js';
import { stackHome } from '../infra/embedded/home.js';
import { identityOf } from '../infra/embedded/identity.js';
import { startStack } from '../infra/embedded/start.js';
import { stopStack } from '../infra/embedded/stop.js';

/** Where the tests' servers are: `inject('endpoints')`. */
export interface TestEndpoints {
  brokers: string;
  registryUrl: string;
  clickhouseUrl: string;
  clickhouseUser: string;
  clickhousePassword: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    endpoints: TestEndpoints;
  }
}

/**
 * One stack for a whole run of the tests that need one, in a folder of its own, on free ports, gone afterwards (also when the
 * run is killed). Servers named in the environment are used instead, as everywhere. It is empty: tests make what they need,
 * under names of their own.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'backtrail-test-'));
  const home = stackHome(process.env, folder);
  const { endpoints } = await startStack({
    home,
    env: process.env,
    ports: { kafka: 'auto', registry: 'auto', clickhouse: 'auto' },
    owner: identityOf(process.pid),
    say: (line) => {
      process.stderr.write(`${line}\n`);
    },
  });
  project.provide('endpoints', {
    brokers: endpoints.kafka.address,
    registryUrl: endpoints.registry.address,
    clickhouseUrl: endpoints.clickhouse.address,
    clickhouseUser: process.env['CLICKHOUSE_USER'] ?? 'default',
    clickhousePassword: process.env['CLICKHOUSE_PASSWORD'] ?? '',
  });
  // Test processes inherit it: programs that tests start find the servers as they would anywhere.
  const before = { ...process.env };
  Object.assign(process.env, endpointEnv(endpoints));
  return async () => {
    await stopStack({ home });
    rmSync(folder, { recursive: true, force: true });
    for (const name of Object.keys(endpointEnv(endpoints))) {
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
    }
  };
}
