import { endpointEnv } from '../../infra/embedded/endpoints.js';
import { nodeCommand } from '../../infra/embedded/launch.js';
import type { ServiceSpec } from '../../infra/embedded/stack-file.js';
import { loadConfig, type Config } from '../shared/config.js';
import type { Environment } from './context.js';
import type { StackContents } from './up.js';

/** Every service, in the order of its usual port. */
export const SERVICES = ['release', 'inference', 'proof', 'agent', 'payment', 'window', 'alert'] as const;
const FIRST_PORT = 9401;
const MIGRATE_WAIT_MS = 60_000;

/** What the embedded stack is filled with: our topics, subjects and tables, and one process a service. */
export function stackContents(env: Environment): StackContents {
  return {
    migrate: async (endpoints) => {
      const { patiently } = await import('../shared/runtime/patience.js');
      const config = loadConfig({ ...env, ...endpointEnv(endpoints) });
      // What was ready a moment ago may be on its way back.
      await patiently(() => migrateAll(config), { signal: new AbortController().signal, limitMs: MIGRATE_WAIT_MS });
    },
    services: SERVICES.map((name, i): ServiceSpec => ({
      name,
      command: nodeCommand(`services/${name}/main`),
      env: {},
      port: FIRST_PORT + i,
    })),
  };
}

/** What `migrateAll` did, by names. */
export interface Migrated {
  readonly topics: readonly string[];
  readonly subjects: readonly string[];
  readonly migrations: readonly string[];
}

/** Creates topics, subjects and tables that are missing; may be run again, and by several at once. */
export async function migrateAll(config: Config): Promise<Migrated> {
  const { deployTopics } = await import('../shared/kafka/deploy-topics.js');
  const { deploySubjects } = await import('../shared/kafka/deploy-subjects.js');
  const { migrate } = await import('../shared/clickhouse/migrate.js');
  const { TOPIC_STREAMS, subjectName, topicName } = await import('../../schemas/topics.js');
  const prefix = config.kafka.topicPrefix;
  const [{ created }, , migrations] = await Promise.all([
    deployTopics(config.kafka, { prefix }),
    deploySubjects(config.registry, { prefix }),
    migrate(config.clickhouse),
  ]);
  return {
    topics: created,
    subjects: TOPIC_STREAMS.map((stream) => subjectName(topicName(stream, prefix))),
    migrations,
  };
}
