import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { embeddedAddress } from './endpoints.js';
import type { Env, Home } from './home.js';
import { javaProgram } from './java.js';
import { JAVA_FLAGS, type KafkaSetup, kafkaCommand, prepareKafka } from './kafka-part.js';
import { type Command, nodeCommand } from './launch.js';
import { HOST, type PartName } from './ports.js';
import { anyStatus, httpAnswers, kafkaAnswers } from './ready.js';
import type { ServiceSpec, Wanted } from './stack-file.js';

const CLICKHOUSE_THREADS = '32';

/** Everything the supervisor must know to keep one process alive. */
export interface ProcessSpec {
  name: string;
  kind: 'part' | 'service';
  command: Command;
  env: Env;
  address: string;
  /** Before every start. */
  prepare: () => Promise<void>;
  ready: () => Promise<boolean>;
  /** Does it still answer at all? A service that waits for a server does. */
  alive: () => Promise<boolean>;
  readyLimitMs: number;
  stopLimitMs: number;
}

// Start-up takes one to three seconds; after a crash the broker first checks its log, which may take a minute or more.
const READY_LIMIT_MS = 120_000;
// A service drains what it has in hand; the parts write down what they hold.
export const STOP_LIMIT_MS = 20_000;

export function partSpec(part: PartName, wanted: Wanted, home: Home, env: Env): ProcessSpec {
  const port = wanted.ports[part];
  if (port === undefined) throw new Error(`${part} is wanted without a port`);
  const address = embeddedAddress(part, port);
  const data = join(home.data, part);
  const common = {
    name: part,
    kind: 'part' as const,
    address,
    env: withoutForeignSettings(env),
    readyLimitMs: READY_LIMIT_MS,
    stopLimitMs: STOP_LIMIT_MS,
  };
  if (part === 'clickhouse') {
    const command = nodeCommand('infra/embedded/clickhouse/main', [
      '--path',
      data,
      '--host',
      HOST,
      '--port',
      String(port),
    ]);
    const prepare = async (): Promise<void> => {
      mkdirSync(data, { recursive: true });
      return Promise.resolve();
    };
    // It needs many threads, and libuv reads their number before a program runs: unset, it would start itself a second time.
    const threaded = { ...common.env, UV_THREADPOOL_SIZE: CLICKHOUSE_THREADS };
    return {
      ...common,
      env: threaded,
      command,
      prepare,
      ready: () => httpAnswers(`${address}/ping`),
      alive: () => httpAnswers(`${address}/ping`, anyStatus),
    };
  }
  const { jars } = wanted;
  if (jars === null) throw new Error(`${part} is wanted without jars`);
  if (part === 'registry')
    return { ...common, ...registryParts({ jar: jars.registry, data, port, address }, common.env) };
  const controllerPort = wanted.ports.kafkaController;
  if (controllerPort === undefined) throw new Error('kafka is wanted without a controller port');
  const setup: KafkaSetup = { jars: jars.kafka, data, port, controllerPort };
  return {
    ...common,
    command: kafkaCommand(setup, env),
    prepare: () => prepareKafka(setup, env),
    ready: () => kafkaAnswers(address),
    alive: () => kafkaAnswers(address),
  };
}

function registryParts(
  setup: { jar: string; data: string; port: number; address: string },
  env: Env,
): Pick<ProcessSpec, 'command' | 'env' | 'prepare' | 'ready' | 'alive'> {
  return {
    command: [javaProgram(env), ...JAVA_FLAGS, '-Xmx256m', '-jar', setup.jar],
    env: {
      ...env,
      QUARKUS_HTTP_HOST: HOST,
      QUARKUS_HTTP_PORT: String(setup.port),
      QUARKUS_HTTP_ACCESS_LOG_ENABLED: 'false',
      APICURIO_STORAGE_KIND: 'sql',
      APICURIO_STORAGE_SQL_KIND: 'h2',
      APICURIO_DATASOURCE_URL: `jdbc:h2:file:${join(setup.data, 'registry')}`,
    },
    prepare: async () => {
      mkdirSync(setup.data, { recursive: true });
      return Promise.resolve();
    },
    ready: () => httpAnswers(`${setup.address}/subjects`),
    alive: () => httpAnswers(`${setup.address}/subjects`, anyStatus),
  };
}

export function serviceSpec(service: ServiceSpec, wanted: Wanted, env: Env): ProcessSpec {
  const { endpoints } = wanted;
  const address = `http://${HOST}:${String(service.port)}`;
  return {
    name: service.name,
    kind: 'service',
    command: service.command,
    env: {
      ...env,
      KAFKA_BROKERS: endpoints.kafka.address,
      SCHEMA_REGISTRY_URL: endpoints.registry.address,
      CLICKHOUSE_URL: endpoints.clickhouse.address,
      PORT: String(service.port),
      ...service.env,
    },
    address,
    prepare: () => Promise.resolve(),
    ready: () => httpAnswers(`${address}/readyz`),
    alive: () => httpAnswers(`${address}/healthz`, anyStatus),
    // It first reads what it must know, however much that is: only its death counts.
    readyLimitMs: Number.POSITIVE_INFINITY,
    stopLimitMs: STOP_LIMIT_MS,
  };
}

/** Quarkus takes any setting from the environment: what is meant for another program must not change our registry. */
function withoutForeignSettings(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(QUARKUS|APICURIO|REGISTRY)_/.test(name)));
}
