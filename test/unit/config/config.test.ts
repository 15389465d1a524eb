import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../../services/shared/config.js';

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
