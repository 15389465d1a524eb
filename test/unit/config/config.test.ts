import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { loadArchiveConfig, loadConfig, loadReaderConfig, secretsOf } from '../../../services/shared/config.js';
import { SECRETS } from '../../../services/shared/secret-files.js';
import { certificateAuthority, identityFrom } from '../../certificates.js';

const NEEDED = {
  KAFKA_BROKERS: 'one:9092, two:9092',
  SCHEMA_REGISTRY_URL: 'http://registry:8081/apis/ccompat/v7',
  CLICKHOUSE_URL: 'http://clickhouse:8123',
};

function problemsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2 });
    return (error as Error).message.split('\n');
  }
}

const folder = mkdtempSync(join(tmpdir(), 'backtrail-config-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('the configuration', () => {
  it('needs three addresses and has a default for everything else', () => {
    expect(loadConfig(NEEDED)).toMatchObject({
      kafka: { brokers: ['one:9092', 'two:9092'], clientId: 'backtrail', ssl: false, sasl: null, topicPrefix: '' },
      clickhouse: { user: 'default', password: '', database: 'backtrail' },
      logLevel: 'info',
      host: '127.0.0.1',
      port: 0,
      limits: { proofDeadlineMs: 20 * 60_000, agentDelayMs: 7 * 86_400_000 },
    });
  });

  it('reports all problems together, each with its variable', () => {
    const problems = problemsOf({
      KAFKA_BROKERS: 'nowhere',
      CLICKHOUSE_URL: 'ftp://x',
      CLICKHOUSE_DATABASE: 'drop table; --',
      LOG_LEVEL: 'loud',
      PORT: '70000',
      BATCH_ROWS_MAX: '-1',
      KAFKA_SSL: 'maybe',
    });
    const names = problems.map((line) => line.split(' ')[0]);
    expect(names.toSorted()).toEqual([
      'BATCH_ROWS_MAX',
      'CLICKHOUSE_DATABASE',
      'CLICKHOUSE_URL',
      'KAFKA_BROKERS',
      'KAFKA_SSL',
      'LOG_LEVEL',
      'PORT',
      'SCHEMA_REGISTRY_URL',
    ]);
  });

  it('takes a variable that is empty for one that is not set', () => {
    expect(loadConfig({ ...NEEDED, CLICKHOUSE_USER: '', PORT: '', KAFKA_SASL_MECHANISM: '' })).toMatchObject({
      clickhouse: { user: 'default' },
      kafka: { sasl: null },
    });
  });

  it('wants all of SASL or nothing', () => {
    expect(problemsOf({ ...NEEDED, KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'me' })).toEqual([
      'KAFKA_SASL_PASSWORD is missing while KAFKA_SASL_MECHANISM and KAFKA_SASL_USERNAME is set',
    ]);
    const sasl = { KAFKA_SASL_MECHANISM: 'scram-sha-256', KAFKA_SASL_USERNAME: 'me', KAFKA_SASL_PASSWORD: 'secret' };
    expect(loadConfig({ ...NEEDED, ...sasl }).kafka.sasl).toEqual({
      mechanism: 'scram-sha-256',
      username: 'me',
      password: 'secret',
    });
  });

  it('never repeats a value, which may be a secret', () => {
    const secret = 'http://user:hunter2@';
    expect(problemsOf({ ...NEEDED, CLICKHOUSE_URL: secret }).join('\n')).not.toContain('hunter2');
  });
});

describe('an archive in a bucket', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'us', AWS_SECRET_ACCESS_KEY: 'its secret' };

  it("is AWS's own, with the credentials that its library finds, where nothing is said", () => {
    const s3 = { endpoint: null, region: 'us-east-1', forcePathStyle: false, credentials: null };
    expect(loadConfig(NEEDED).archive).toEqual(s3);
    expect(loadArchiveConfig({})).toEqual(s3);
  });

  it('is where the variables say, needs no server but that one, and hides its secrets', () => {
    const env = {
      ...keys,
      ...{ ARCHIVE_S3_ENDPOINT: 'https://s3.example:9000', ARCHIVE_S3_FORCE_PATH_STYLE: 'true' },
      ...{ AWS_REGION: 'eu-west-1', AWS_SESSION_TOKEN_FILE: file('token', 'a token\n') },
    };
    const credentials = { accessKeyId: 'us', secretAccessKey: 'its secret', sessionToken: 'a token' };
    const s3 = { endpoint: 'https://s3.example:9000', region: 'eu-west-1', forcePathStyle: true, credentials };
    expect(loadArchiveConfig(env)).toEqual(s3);
    expect(loadArchiveConfig({ ...env, ARCHIVE_S3_REGION: 'here' }).region).toBe('here');
    expect(secretsOf(loadConfig({ ...NEEDED, ...env }))).toEqual(['its secret', 'a token']);
  });

  it('takes no half of a key, and no address that is none', () => {
    expect(problemsOf({ ...NEEDED, AWS_ACCESS_KEY_ID: 'us', ARCHIVE_S3_ENDPOINT: 'somewhere' })).toEqual([
      'ARCHIVE_S3_ENDPOINT is not an http or https address',
    ]);
    expect(problemsOf({ ...NEEDED, AWS_ACCESS_KEY_ID: 'us' })).toEqual([
      'AWS_SECRET_ACCESS_KEY is missing while AWS_ACCESS_KEY_ID is set',
    ]);
  });
});

describe('a secret', () => {
  const sasl = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'me' };

  it('may be in a file, whose last line may end', () => {
    const env = {
      ...{ ...NEEDED, ...sasl, CLICKHOUSE_READER_USER: 'reader', SCHEMA_REGISTRY_USER: 'us' },
      KAFKA_SASL_PASSWORD_FILE: file('sasl', 'one\n'),
      SCHEMA_REGISTRY_PASSWORD_FILE: file('registry', 'two\r\n'),
      CLICKHOUSE_PASSWORD_FILE: file('clickhouse', ' three \n\n'),
      CLICKHOUSE_READER_PASSWORD_FILE: file('reader', 'four'),
    };
    const config = loadConfig(env);
    expect(config).toMatchObject({
      kafka: { sasl: { password: 'one' } },
      registry: { auth: { username: 'us', password: 'two' } },
      clickhouse: { user: 'default', password: ' three \n' },
      reader: { user: 'reader', password: 'four' },
    });
    expect(secretsOf(config)).toEqual(['one', 'two', ' three \n', 'four']);
    expect(loadReaderConfig(env).reader).toEqual(config.reader);
  });

  it.each(SECRETS)('%s is not said twice, nor in a file that cannot be read or is empty', (name) => {
    const both = { ...NEEDED, [name]: 'x', [`${name}_FILE`]: file('x', 'y') };
    expect(problemsOf(both)).toContain(`${name}_FILE is set while ${name} is set too`);
    expect(problemsOf({ ...NEEDED, [`${name}_FILE`]: '/nowhere/it' })).toContain(
      `${name}_FILE names /nowhere/it, which cannot be read (ENOENT)`,
    );
    const empty = file('empty', '\n');
    expect(problemsOf({ ...NEEDED, [`${name}_FILE`]: empty })).toContain(`${name}_FILE names ${empty}, which is empty`);
  });

  it('in an address is taken out of it', () => {
    const config = loadConfig({
      ...NEEDED,
      SCHEMA_REGISTRY_URL: 'https://us:p%40ss@registry/apis/ccompat/v7',
      CLICKHOUSE_URL: 'https://writer:100%@clickhouse:8443',
    });
    expect(config.registry).toEqual({
      url: 'https://registry/apis/ccompat/v7',
      auth: { username: 'us', password: 'p@ss' },
      ca: null,
    });
    expect(config.clickhouse).toMatchObject({ url: 'https://clickhouse:8443/', user: 'writer', password: '100%' });
    expect(config.reader).toMatchObject({ url: 'https://clickhouse:8443/', user: 'writer', password: '100%' });
    expect(problemsOf({ ...NEEDED, CLICKHOUSE_URL: 'http://u:p@c', CLICKHOUSE_PASSWORD: 'p' })).toEqual([
      'CLICKHOUSE_PASSWORD is set while CLICKHOUSE_URL has a user in it',
    ]);
  });

  it('without its user is a mistake', () => {
    expect(problemsOf({ ...NEEDED, SCHEMA_REGISTRY_PASSWORD: 'x', CLICKHOUSE_READER_PASSWORD: 'y' })).toEqual([
      'SCHEMA_REGISTRY_USER is missing while SCHEMA_REGISTRY_PASSWORD is set',
      'CLICKHOUSE_READER_USER is missing while CLICKHOUSE_READER_PASSWORD is set',
    ]);
  });
});

describe('TLS', () => {
  const authority = certificateAuthority('an authority');
  const us = identityFrom(authority, 'us');
  const files = {
    KAFKA_SSL_CA_FILE: file('ca.pem', authority.cert),
    KAFKA_SSL_CERT_FILE: file('us.pem', us.cert),
    KAFKA_SSL_KEY_FILE: file('us.key', us.key),
  };

  it('takes its certificates and its key from files', () => {
    const config = loadConfig({
      ...{ ...NEEDED, ...files, KAFKA_SSL: 'true' },
      CLICKHOUSE_URL: 'https://clickhouse:8443',
      CLICKHOUSE_CA_FILE: files.KAFKA_SSL_CA_FILE,
      SCHEMA_REGISTRY_URL: 'https://registry',
      SCHEMA_REGISTRY_CA_FILE: files.KAFKA_SSL_CA_FILE,
    });
    expect(config).toMatchObject({
      kafka: { ssl: { ca: authority.cert, cert: us.cert, key: us.key, passphrase: null } },
      registry: { ca: authority.cert },
      clickhouse: { ca: authority.cert },
      reader: { ca: authority.cert },
    });
    expect(loadConfig({ ...NEEDED, KAFKA_SSL: 'true' }).kafka.ssl).toEqual({
      ...{ ca: null, cert: null, key: null, passphrase: null },
    });
  });

  it('reports what is missing, is no PEM, or does not belong together', () => {
    const { KAFKA_SSL_CERT_FILE, KAFKA_SSL_KEY_FILE } = files;
    const ssl = { ...NEEDED, KAFKA_SSL: 'true' };
    expect(problemsOf({ ...ssl, KAFKA_SSL_CERT_FILE })).toEqual([
      'KAFKA_SSL_KEY_FILE is missing while KAFKA_SSL_CERT_FILE is set',
    ]);
    expect(problemsOf({ ...ssl, KAFKA_SSL_CA_FILE: '/nowhere/ca.pem' })).toEqual([
      'KAFKA_SSL_CA_FILE names /nowhere/ca.pem, which cannot be read (ENOENT)',
    ]);
    expect(problemsOf({ ...ssl, KAFKA_SSL_CA_FILE: KAFKA_SSL_KEY_FILE })).toEqual([
      'KAFKA_SSL_CA_FILE is not a certificate in PEM',
    ]);
    expect(problemsOf({ ...ssl, KAFKA_SSL_CERT_FILE, KAFKA_SSL_KEY_FILE: file('other.key', authority.key) })).toEqual([
      'KAFKA_SSL_KEY_FILE is not the key of the certificate beside it, or needs another passphrase',
    ]);
  });

  it('that is asked for in part only is a mistake: nothing would be encrypted', () => {
    const { KAFKA_SSL_CA_FILE } = files;
    expect(problemsOf({ ...NEEDED, KAFKA_SSL_CA_FILE, CLICKHOUSE_CA_FILE: KAFKA_SSL_CA_FILE })).toEqual([
      'KAFKA_SSL_CA_FILE is set while KAFKA_SSL is not true',
      'CLICKHOUSE_CA_FILE is set while CLICKHOUSE_URL does not begin with https',
    ]);
  });
});
