import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Home } from '../../infra/embedded/home.js';
import { ensureJars } from '../../infra/embedded/jars.js';
import { clusterId, kafkaCommand, kafkaProperties } from '../../infra/embedded/kafka-part.js';
import { freePort } from '../../infra/embedded/ports.js';
import { kafkaAnswers } from '../../infra/embedded/ready.js';
import { certificateAuthority, identityFrom, type Identity } from '../certificates.js';
import { eventually, plainEnv } from './embedded.fixture.js';

export interface SecureBroker {
  /** SASL_SSL: SCRAM-SHA-512 and PLAIN, each with a user of its own. */
  readonly withPassword: string;
  /** SSL, for those who have a certificate. */
  readonly withCertificate: string;
  readonly authority: Identity;
  readonly scram: { readonly username: string; readonly password: string };
  readonly plain: { readonly username: string; readonly password: string };
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';

/** A Kafka as a company runs it. The embedded one lets anybody in, so this one is a process of the test's own. */
export async function startSecureBroker(home: Home): Promise<SecureBroker> {
  const env = plainEnv();
  const { kafka: jars } = await ensureJars(home, env, () => undefined);
  const taken = new Set<number>();
  const ports = { port: await freePort(taken), controllerPort: 0, password: 0, certificate: 0 };
  for (const name of ['controllerPort', 'password', 'certificate'] as const) {
    taken.add(ports.port).add(ports.controllerPort).add(ports.password);
    ports[name] = await freePort(taken);
  }
  const setup = { jars, data: join(home.data, 'secure'), port: ports.port, controllerPort: ports.controllerPort };
  const scram = { username: 'scram-user', password: `scram-${randomBytes(8).toString('hex')}` };
  const plain = { username: 'plain-user', password: `plain-${randomBytes(8).toString('hex')}` };
  const authority = certificateAuthority('an authority of this test');
  const properties = join(setup.data, 'server.properties');
  mkdirSync(setup.data, { recursive: true });
  // Of two lines with one name the last holds.
  writeFileSync(properties, kafkaProperties(setup) + secureProperties(setup.data, ports, { authority, plain }));

  const command = kafkaCommand(setup, env);
  const [program, ...args] = command.slice(0, command.indexOf('kafka.Kafka')) as [string, ...string[]];
  const user = `SCRAM-SHA-512=[name=${scram.username},password=${scram.password}]`;
  const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId(randomBytes(16)), '--add-scram', user];
  await promisify(execFile)(program, [...args, ...format, '-c', properties], { env });
  const broker = spawn(command[0], command.slice(1), { env, stdio: 'ignore' });
  try {
    await eventually('the broker answers', () => kafkaAnswers(`${HOST}:${ports.port}`));
  } catch (error) {
    await stopped(broker);
    throw error;
  }
  return {
    withPassword: `${HOST}:${ports.password}`,
    withCertificate: `${HOST}:${ports.certificate}`,
    ...{ authority, scram, plain },
    stop: () => stopped(broker),
  };
}

function secureProperties(
  folder: string,
  ports: { port: number; controllerPort: number; password: number; certificate: number },
  { authority, plain }: { authority: Identity; plain: SecureBroker['plain'] },
): string {
  const server = identityFrom(authority, 'broker');
  writeFileSync(join(folder, 'server.pem'), server.key + server.cert);
  writeFileSync(join(folder, 'ca.pem'), authority.cert);
  const modules = 'org.apache.kafka.common.security';
  const outside = `PLAINTEXT://${HOST}:${ports.port},PASSWORD://${HOST}:${ports.password},CERTIFICATE://${HOST}:${ports.certificate}`;
  return `
listeners=${outside},CONTROLLER://${HOST}:${ports.controllerPort}
advertised.listeners=${outside}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PASSWORD:SASL_SSL,CERTIFICATE:SSL
listener.name.password.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.password.scram-sha-512.sasl.jaas.config=${modules}.scram.ScramLoginModule required;
listener.name.password.plain.sasl.jaas.config=${modules}.plain.PlainLoginModule required user_${plain.username}="${plain.password}";
listener.name.certificate.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=${join(folder, 'server.pem')}
ssl.truststore.type=PEM
ssl.truststore.location=${join(folder, 'ca.pem')}
`;
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
