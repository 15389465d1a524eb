import { describe, expect, test } from 'vitest';
import { clusterId, kafkaProperties } from '../../../infra/embedded/kafka-part.js';

function settings(data = '/srv/stack/kafka'): Map<string, string> {
  const text = kafkaProperties({ jars: '/jars', data, port: 9092, controllerPort: 9093 });
  const pairs = text
    .trimEnd()
    .split('\n')
    .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  return new Map(pairs);
}

describe("the broker's settings", () => {
  test('listen on this machine only', () => {
    expect(settings().get('listeners')).toBe('PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093');
    expect(settings().get('advertised.listeners')).toBe('PLAINTEXT://127.0.0.1:9092');
  });

  test('need one broker for each internal topic, or consumers would wait for ever', () => {
    const needed = [...settings()].filter(([name]) => /replication\.factor$|min\.isr$/.test(name));
    expect(needed).toHaveLength(5);
    expect(needed.every(([, value]) => value === '1')).toBe(true);
  });

  test('do not make new groups wait, and make no topics by accident', () => {
    expect(settings().get('group.initial.rebalance.delay.ms')).toBe('0');
    expect(settings().get('auto.create.topics.enable')).toBe('false');
  });

  test('keep a backslash of a path from being read as an escape', () => {
    expect(settings('/srv/od\\d').get('log.dirs')).toBe('/srv/od\\\\d/log');
  });
});

describe("the broker's cluster id", () => {
  test('never looks like an option of the tool that formats its folder', () => {
    expect(clusterId(Buffer.alloc(16, 0xfb))).toMatch(/^A[\w-]{21}$/);
    expect(clusterId(Buffer.alloc(16, 1))).toMatch(/^AQEB/);
  });
});
