import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../services/shared/package-root.js';
import type { Env } from './home.js';
import { javaProgram } from './java.js';
import type { Command } from './launch.js';
import { HOST } from './ports.js';

export interface KafkaSetup {
  /** Folder of the jars. */
  jars: string;
  /** Folder of this part's data; its configuration lies in it too. */
  data: string;
  port: number;
  controllerPort: number;
}

// C1 and the serial collector: for one broker beside everything else on a laptop they start faster and stay smaller.
export const JAVA_FLAGS = [
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-XX:+ExitOnOutOfMemoryError',
  '-Djava.awt.headless=true',
] as const;

/** A single node that is broker and controller in one. */
export function kafkaProperties(setup: KafkaSetup): string {
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${HOST}:${String(setup.controllerPort)}`,
    listeners: `PLAINTEXT://${HOST}:${String(setup.port)},CONTROLLER://${HOST}:${String(setup.controllerPort)}`,
    'advertised.listeners': `PLAINTEXT://${HOST}:${String(setup.port)}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(setup.data, 'log'),
    'num.network.threads': 2,
    'num.io.threads': 4,
    // With the default of 3 the internal topics are never created on one broker, and consumers wait for ever.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // Nobody else is about to join: the default keeps every new group waiting for three seconds.
    'group.initial.rebalance.delay.ms': 0,
    // A topic exists because `migrate` made it, with its partitions and retention; never by a typing error.
    'auto.create.topics.enable': false,
    // A broker that was killed may register again only when its old session is over: 9 s by default.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    // The default takes 128 MB of a small heap.
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
  };
  // A properties file takes a backslash as an escape.
  const line = ([name, value]: [string, string | number | boolean]): string =>
    `${name}=${String(value).replaceAll('\\', '\\\\')}\n`;
  return Object.entries(settings).map(line).join('');
}

export function kafkaCommand(setup: KafkaSetup, env: Env): Command {
  return [...javaStart(setup, env), '-Xmx512m', 'kafka.Kafka', propertiesFile(setup)];
}

/** Writes the configuration and, for a new data folder, formats it: Kafka refuses to start on an unformatted one. */
export async function prepareKafka(setup: KafkaSetup, env: Env): Promise<void> {
  mkdirSync(setup.data, { recursive: true });
  writeFileSync(propertiesFile(setup), kafkaProperties(setup));
  if (existsSync(join(setup.data, 'log', 'meta.properties'))) return;
  const [program, ...args] = javaStart(setup, env);
  // A format that was cut short leaves some files: they do not stop the next one.
  const format = [
    'kafka.tools.StorageTool',
    'format',
    '--ignore-formatted',
    '-t',
    clusterId(randomBytes(CLUSTER_ID_BYTES)),
    '-c',
  ];
  await promisify(execFile)(program, [...args, ...format, propertiesFile(setup)], { env: { ...env } });
}

const CLUSTER_ID_BYTES = 16;

/** A cluster id as Kafka makes them, which never starts with a dash: its own tools would take that for an option. */
export function clusterId(bytes: Buffer): string {
  return bytes.toString('base64url').replace(/^-/, 'A');
}

function javaStart(setup: KafkaSetup, env: Env): Command {
  const logging = join(packageRoot(), 'infra', 'embedded', 'log4j2.properties');
  return [
    javaProgram(env),
    ...JAVA_FLAGS,
    `-Dlog4j2.configurationFile=${logging}`,
    '-cp',
    join(setup.jars, '*'), // Java itself expands the star
  ];
}

function propertiesFile(setup: KafkaSetup): string {
  return join(setup.data, 'server.properties');
}
