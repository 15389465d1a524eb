import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { nodeCommand } from '../../infra/embedded/launch.js';
import { loadConfig } from '../../services/shared/config.js';
import { createAdmin } from '../../services/shared/kafka/admin.js';
import { deployTopics } from '../../services/shared/kafka/deploy-topics.js';
import { identityFrom } from '../certificates.js';
import { eventually, plainEnv, removeHome, temporaryHome } from './embedded.fixture.js';
import { startSecureBroker, type SecureBroker } from './secure-broker.fixture.js';

const NOWHERE = { SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1/x', CLICKHOUSE_URL: 'http://127.0.0.1:1' };
const home = temporaryHome();
let broker: SecureBroker;
let trusted: Record<string, string>;

beforeAll(async () => {
  broker = await startSecureBroker(home);
  trusted = { KAFKA_SSL: 'true', KAFKA_SSL_CA_FILE: file('authority.pem', broker.authority.cert) };
});

afterAll(async () => {
  await broker.stop();
  removeHome(home);
});

function file(name: string, text: string): string {
  const path = join(home.root, name);
  writeFileSync(path, text);
  return path;
}

function sasl(mechanism: string, { username, password }: SecureBroker['scram']): Record<string, string> {
  return {
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: username,
    KAFKA_SASL_PASSWORD_FILE: file(`password-of-${mechanism}`, `${password}\n`),
  };
}

async function topicsOf(env: Record<string, string>): Promise<string[]> {
  const admin = await createAdmin(loadConfig({ KAFKA_BROKERS: broker.withPassword, ...NOWHERE, ...env }).kafka);
  try {
    return await admin.topics();
  } finally {
    await admin.close();
  }
}

describe('a broker with certificates', () => {
  it.each(['scram-sha-512', 'plain'] as const)('lets us in by %s', async (mechanism) => {
    const user = mechanism === 'plain' ? broker.plain : broker.scram;
    await expect(topicsOf({ ...trusted, ...sasl(mechanism, user) })).resolves.toEqual([]);
  });

  it('refuses a wrong password for good, and the error does not repeat it', async () => {
    const wrong = topicsOf({ ...trusted, ...sasl('scram-sha-512', { ...broker.scram, password: 'not-this-one' }) });
    await expect(wrong).rejects.toMatchObject({ code: 'KAFKA_REFUSED' });
    await expect(wrong).rejects.not.toThrow(/not-this-one/);
  });

  it('lets us in by our certificate, and not without', async () => {
    const us = identityFrom(broker.authority, 'us');
    const mutual = {
      ...{ ...trusted, KAFKA_BROKERS: broker.withCertificate },
      KAFKA_SSL_CERT_FILE: file('us.pem', us.cert),
      KAFKA_SSL_KEY_FILE: file('us.key', us.key),
    };
    await expect(topicsOf(mutual)).resolves.toEqual([]);
    await expect(topicsOf({ ...trusted, KAFKA_BROKERS: broker.withCertificate })).rejects.toMatchObject({
      code: 'KAFKA_UNREACHABLE',
    });
  });

  it('is not believed without its authority, whatever Node is told', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await expect(topicsOf({ KAFKA_SSL: 'true', ...sasl('plain', broker.plain) })).rejects.toMatchObject({
        code: 'KAFKA_UNREACHABLE',
        message: expect.stringContaining('certificate') as string,
      });
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
  });
});

describe('a service with secrets', () => {
  const secrets = { registry: 'registry-s3cret', clickhouse: 'click"house-s3cret' };

  /** Says everything, to servers that are away, asked what it knows of itself, until it was asked to end. */
  async function runService(kafka: Record<string, string>): Promise<{ output: string; code: number | null }> {
    const [port, away] = await freePorts();
    const [program, ...args] = nodeCommand('services/release/main');
    const env = {
      ...{ ...plainEnv(), KAFKA_BROKERS: broker.withPassword, ...kafka, LOG_LEVEL: 'trace', PORT: String(port) },
      SCHEMA_REGISTRY_URL: `http://registry:${secrets.registry}@127.0.0.1:${String(away)}/x`,
      CLICKHOUSE_URL: `http://127.0.0.1:${String(away)}`,
      CLICKHOUSE_USER: 'writer',
      CLICKHOUSE_PASSWORD_FILE: file('clickhouse', secrets.clickhouse),
    };
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
    const exited = once(child, 'exit') as Promise<[number | null]>;
    const outage = (): boolean => output.includes('CLICKHOUSE_UNREACHABLE') || child.exitCode !== null;
    await eventually('the service notices', outage);
    for (const path of child.exitCode === null ? ['healthz', 'readyz', 'metrics'] : []) {
      output += await (await fetch(`http://127.0.0.1:${String(port)}/${path}`)).text();
    }
    child.kill('SIGTERM');
    const [code] = await exited;
    return { output, code };
  }

  it('tells nobody, not in a log that says all, nor when asked for its health', async () => {
    const config = loadConfig({
      KAFKA_BROKERS: broker.withPassword,
      ...NOWHERE,
      ...trusted,
      ...sasl('plain', broker.plain),
    });
    await deployTopics(config.kafka, {});
    const { output, code } = await runService({ ...trusted, ...sasl('scram-sha-512', broker.scram) });
    expect(code).toBe(0);
    expect(output).toContain('backtrail_retries_attempts_total');
    expectNoSecrets(output);
  });

  it('tells nobody when it is refused and ends', async () => {
    const wrong = { ...broker.scram, password: 'wrong-s3cret' };
    const { output, code } = await runService({ ...trusted, ...sasl('scram-sha-512', wrong) });
    expect(code).toBe(1);
    expect(output).toContain('KAFKA_REFUSED');
    expectNoSecrets(output);
  });

  function expectNoSecrets(output: string): void {
    expect(output).not.toContain('s3cret');
    expect(output).not.toContain(broker.scram.password);
    expect(output).not.toContain('PRIVATE KEY');
    for (const secret of [secrets.registry, `registry:${secrets.registry}`]) {
      expect(output).not.toContain(Buffer.from(secret).toString('base64'));
    }
  }
});

/** One for the service, and one where nothing listens. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    }),
  );
  for (const server of servers) server.close();
  return ports as [number, number];
}
