import { describe, expect, test } from 'vitest';
import { portFromEnv } from '../../../infra/embedded/ports.js';
import type { StackStatus } from '../../../infra/embedded/status.js';
import { statusJson, statusLines } from '../../../services/cli/status.js';
import { portChoices, upSentence } from '../../../services/cli/up.js';

const STATUS: StackStatus = {
  parts: {
    kafka: { address: '127.0.0.1:9092', source: 'embedded', state: 'ready', pid: 11, restarts: 0, reason: null },
    registry: { address: null, source: null, state: 'stopped', pid: null, restarts: 0, reason: null },
    clickhouse: {
      address: 'http://ch',
      source: 'external',
      state: 'unreachable',
      pid: null,
      restarts: 0,
      reason: null,
    },
  },
  services: [
    { name: 'release', pid: 12, state: 'ready', restarts: 2, reason: 'exit code 1', url: 'http://127.0.0.1:7101' },
  ],
  supervised: true,
  allReady: false,
};

describe('the ports asked for', () => {
  test('are the usual ones unless something is said', () => {
    expect(portChoices({})).toEqual({ kafka: undefined, registry: undefined, clickhouse: undefined });
  });

  test('may be free ones for all that have none given', () => {
    expect(portChoices({ port: 'auto', kafkaPort: '19092' })).toEqual({
      kafka: 19_092,
      registry: 'auto',
      clickhouse: 'auto',
    });
  });

  test('cannot be one number for three servers', () => {
    expect(() => portChoices({ port: '9000' })).toThrow('--kafka-port');
  });

  test('may come from the environment, where an empty variable says nothing', () => {
    expect(portFromEnv('registry', { BACKTRAIL_REGISTRY_PORT: '18081' })).toBe(18_081);
    expect(portFromEnv('registry', { BACKTRAIL_REGISTRY_PORT: '' })).toBeUndefined();
    expect(() => portFromEnv('registry', { BACKTRAIL_REGISTRY_PORT: 'x' })).toThrow('BACKTRAIL_REGISTRY_PORT');
  });
});

describe('the status', () => {
  test('names each server by the variable a program would be given', () => {
    expect(statusJson(STATUS)).toMatchObject({
      kafka: { brokers: '127.0.0.1:9092', state: 'ready' },
      registry: { url: null, state: 'stopped' },
      clickhouse: { url: 'http://ch', state: 'unreachable' },
      services: [{ name: 'release', pid: 12, state: 'ready', restarts: 2 }],
      ready: false,
    });
  });

  test('is a line for each process', () => {
    const lines = statusLines(STATUS);
    expect(lines).toHaveLength(5);
    expect(lines[3]).toMatch(/^clickhouse +http:\/\/ch +unreachable +external/);
    expect(lines[4]).toMatch(/^release +http:\/\/127.0.0.1:7101 +ready +12 +2 +exit code 1$/);
  });
});

test('a start says what it started, or that nothing was to be done', () => {
  expect(upSentence(['kafka', 'registry'], 4049, '/x/logs')).toContain('Started kafka, registry in 4.0 s');
  expect(upSentence([], 400, '/x/logs')).toContain('Already running');
});
