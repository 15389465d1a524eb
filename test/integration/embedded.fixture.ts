import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { type Home, stackHome } from '../../infra/embedded/home.js';
import { identityOf } from '../../infra/embedded/identity.js';
import type { StartOptions } from '../../infra/embedded/plan.js';
import { readStackFile, type ServiceSpec, type StackFile } from '../../infra/embedded/stack-file.js';
import { startStack, type Started } from '../../infra/embedded/start.js';
import { elapsedMs, sleep } from '../../services/shared/clock.js';

export const AUTO = { kafka: 'auto', registry: 'auto', clickhouse: 'auto' } as const;

/** The environment of a user who configured nothing; what this test run's own stack was told stays out of it. */
export function plainEnv(): Record<string, string | undefined> {
  const { PATH, HOME, JAVA_HOME, BACKTRAIL_LIB } = process.env;
  return { PATH, HOME, JAVA_HOME, BACKTRAIL_LIB };
}

export function temporaryHome(): Home {
  return stackHome(plainEnv(), mkdtempSync(join(tmpdir(), 'backtrail-embedded-')));
}

export function removeHome(home: Home): void {
  rmSync(home.root, { recursive: true, force: true });
}

/** On free ports, and gone when this test run is. */
export async function start(home: Home, options: Partial<StartOptions> = {}): Promise<Started> {
  return startStack({ home, env: plainEnv(), ports: AUTO, owner: identityOf(process.pid), ...options });
}

export function recorded(home: Home): StackFile {
  return readStackFile(home.stackFile) ?? { supervisor: null, generation: 0, processes: [] };
}

export function pidOf(home: Home, name: string): number {
  const pid = recorded(home).processes.find((process) => process.name === name)?.identity?.pid;
  if (pid === undefined) throw new Error(`${name} is not recorded as running`);
  return pid;
}

export function allPids(home: Home): number[] {
  const { supervisor, processes } = recorded(home);
  return [supervisor, ...processes.map(({ identity }) => identity)].flatMap((identity) => identity?.pid ?? []);
}

export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = elapsedMs() + 30_000;
  while (!(await condition())) {
    if (elapsedMs() > deadline) throw new Error(`not within 30 s: ${what}`);
    await sleep(50);
  }
}

/** A program that serves /readyz on PORT, tells its environment at /, and ends at /end. */
export function exampleService(name: string, port: number): ServiceSpec {
  const program = `
    const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, CLICKHOUSE_URL, GREETING } = process.env;
    require('node:http').createServer((request, response) => {
      response.end(JSON.stringify({ KAFKA_BROKERS, SCHEMA_REGISTRY_URL, CLICKHOUSE_URL, GREETING }));
      if (request.url === '/end') process.exit(7);
    }).listen(Number(process.env.PORT), '127.0.0.1');
    process.on('SIGTERM', () => { console.log('drained'); process.exit(0); });`;
  return { name, command: [process.execPath, '-e', program], env: { GREETING: 'hello' }, port };
}

/** Stands for a ClickHouse that is there already: all that starting a stack asks of one is that it answers. */
export async function answeringServer(): Promise<{ url: string; close: () => void }> {
  const server = createServer((_request, response) => response.end('Ok.\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${String(port)}`, close: () => server.close() };
}

export async function createTopic(brokers: string, topic: string): Promise<void> {
  const admin = client(brokers).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  await admin.disconnect();
}

export async function produce(brokers: string, topic: string, values: readonly string[]): Promise<void> {
  const producer = client(brokers).producer();
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

export async function consume(brokers: string, topic: string, count: number): Promise<string[]> {
  const consumer = client(brokers).consumer({
    groupId: `${topic}-reader-${String(process.hrtime.bigint())}`,
    maxWaitTimeInMs: 100,
  });
  const values: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      values.push(String(message.value));
      return Promise.resolve();
    },
  });
  await eventually(`${String(count)} records of ${topic}`, () => values.length >= count);
  await consumer.disconnect();
  return values;
}

function client(brokers: string): Kafka {
  return new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
}
