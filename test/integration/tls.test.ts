import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { connectClickHouse } from '../../services/shared/clickhouse/client.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import { schemaSource } from '../../services/shared/kafka/registry.js';
import { registryRest } from '../../services/shared/kafka/registry-rest.js';
import { certificateAuthority, identityFrom } from '../certificates.js';
import { serverEnv } from './servers.fixture.js';

interface Door {
  readonly url: string;
  /** Authorization of the requests that came through, or ClickHouse's headers for it. */
  readonly seen: (string | undefined)[];
  close(): Promise<void>;
}

const { registryUrl, clickhouseUrl } = inject('endpoints');
const authority = certificateAuthority('an authority of this test');
const folder = mkdtempSync(join(tmpdir(), 'backtrail-tls-'));
const caFile = join(folder, 'ca.pem');
let registry: Door;
let clickhouse: Door;

beforeAll(async () => {
  writeFileSync(caFile, authority.cert);
  [registry, clickhouse] = await Promise.all([openDoor(registryUrl), openDoor(clickhouseUrl)]);
});

afterAll(async () => {
  await Promise.all([registry.close(), clickhouse.close()]);
  rmSync(folder, { recursive: true });
});

/** HTTPS in front of a server that speaks HTTP, as load balancers and service meshes put it there. */
async function openDoor(target: string): Promise<Door> {
  const { cert, key } = identityFrom(authority, 'door');
  const seen: (string | undefined)[] = [];
  const server = createTlsServer({ cert, key }, (incoming, response) => {
    const { headers, method, url } = incoming;
    seen.push(headers.authorization ?? String(headers['x-clickhouse-user']));
    // The registry behind it asks nobody who he is.
    const others = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));
    const passed = request(new URL(url ?? '/', target), { method, headers: others }, (answer: IncomingMessage) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    incoming.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${String(port)}${new URL(target).pathname.replace(/\/$/, '')}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

function configOf(env: Record<string, string>): Config {
  const doors = Object.entries({ SCHEMA_REGISTRY: registry, CLICKHOUSE: clickhouse });
  const behindTls = Object.fromEntries(doors.map(([server, { url }]) => [`${server}_URL`, url]));
  return loadConfig({ ...serverEnv(), ...behindTls, CLICKHOUSE_DATABASE: 'default', ...env });
}

describe('ClickHouse behind TLS', () => {
  it('is read and written by who trusts its authority', async () => {
    const { clickhouse: writer } = configOf({ CLICKHOUSE_CA_FILE: caFile });
    const database = connectClickHouse(writer);
    const table = `tls_${String(process.pid)}`;
    try {
      await database.command(`CREATE TABLE ${table} (n UInt64) ENGINE = MergeTree ORDER BY n`);
      await database.insert(table, [{ n: 1 }, { n: 2 }]);
      expect(await database.select(`SELECT sum(n) AS sum FROM ${table}`)).toEqual([{ sum: '3' }]);
    } finally {
      await database.command(`DROP TABLE IF EXISTS ${table}`);
      await database.close();
    }
    expect(clickhouse.seen).toContain(writer.user);
  });

  it('is not believed by anybody else', async () => {
    const database = connectClickHouse(configOf({}).clickhouse);
    await expect(database.select('SELECT 1')).rejects.toMatchObject({
      code: 'CLICKHOUSE_UNREACHABLE',
      message: expect.stringContaining('certificate') as string,
    });
    await database.close();
  });
});

describe('the registry behind TLS', () => {
  it('is asked by who trusts its authority, with user and password', async () => {
    const settings = { SCHEMA_REGISTRY_CA_FILE: caFile, SCHEMA_REGISTRY_USER: 'us', SCHEMA_REGISTRY_PASSWORD: 'p:w' };
    const { registry: trusted } = configOf(settings);
    expect(await registryRest(trusted).compatibility('nobody-has-this-subject')).toBeNull();
    expect(await schemaSource(trusted).writerSchema(999_999_999)).toMatchObject({ kind: 'unknown' });
    const basic = `Basic ${Buffer.from('us:p:w').toString('base64')}`;
    expect(registry.seen).toEqual([basic, basic]);
  });

  it('is not believed by anybody else', async () => {
    const { registry: unknown } = configOf({});
    expect(await schemaSource(unknown).writerSchema(1)).toMatchObject({ kind: 'unreachable' });
    await expect(registryRest(unknown).compatibility('s')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });
});

describe('a question', () => {
  const limits = { QUESTION_TIME_MAX_MS: '500', QUESTION_READ_ROWS_MAX: '100000', QUESTION_RESULT_ROWS_MAX: '100' };

  it.each([
    ['rows to read', 'SELECT count() FROM numbers(1000000) WHERE number % 3 = 0'],
    ['rows to answer', 'SELECT number FROM numbers(1000)'],
    ['time', 'SELECT count() FROM numbers(100000) WHERE NOT ignore(sleepEachRow(0.00002))'],
    ['memory', 'SELECT length(groupArray(repeat(toString(number), 500))) FROM numbers(100000)'],
  ])('that takes too much %s ends with the limit it reached', async (_what, sql) => {
    const database = connectClickHouse(
      configOf({ CLICKHOUSE_URL: clickhouseUrl, ...limits, QUESTION_MEMORY_BYTES_MAX: '30000000' }).reader,
    );
    await expect(database.select(sql)).rejects.toMatchObject({ code: 'QUESTION_TOO_LARGE' });
    await database.close();
  });

  it('changes nothing, also where its user might', async () => {
    const database = connectClickHouse(configOf({ CLICKHOUSE_URL: clickhouseUrl }).reader);
    const denied = { code: 'CLICKHOUSE_DENIED' };
    await expect(database.command('CREATE TABLE made_by_a_question (n UInt8) ENGINE = Memory')).rejects.toMatchObject(
      denied,
    );
    await expect(database.select('SELECT 1 SETTINGS readonly = 0')).rejects.toMatchObject(denied);
    await database.close();
  });
});
