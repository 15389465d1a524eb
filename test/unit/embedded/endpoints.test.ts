import { describe, expect, test } from 'vitest';
import { endpointEnv, type Endpoints, mergeEndpoints } from '../../../infra/embedded/endpoints.js';
import { identityOf } from '../../../infra/embedded/identity.js';
import type { StackFile } from '../../../infra/embedded/stack-file.js';
import { lastPartFirst } from '../../../infra/embedded/stop.js';

const ME = identityOf(process.pid);
const GONE = { pid: process.pid, born: 'earlier' };

function stack(change: { supervisor?: StackFile['supervisor']; kafka?: StackFile['supervisor'] } = {}): StackFile {
  const kafka = {
    name: 'kafka',
    kind: 'part',
    identity: change.kafka ?? ME,
    state: 'ready',
    restarts: 0,
    reason: null,
    address: '127.0.0.1:9092',
  } as const;
  return { supervisor: change.supervisor ?? null, generation: 1, processes: [kafka] };
}

describe('where the servers are', () => {
  test('is what the environment says, before an embedded one', () => {
    const { kafka } = mergeEndpoints({ KAFKA_BROKERS: 'broker:9092' }, stack());
    expect(kafka).toEqual({ address: 'broker:9092', source: 'external' });
  });

  test('is the embedded one where the environment says nothing, for each server by itself', () => {
    const { kafka, registry, clickhouse } = mergeEndpoints(
      { CLICKHOUSE_URL: 'http://ch:8123', SCHEMA_REGISTRY_URL: ' ' },
      stack(),
    );
    expect(kafka).toEqual({ address: '127.0.0.1:9092', source: 'embedded' });
    expect(registry).toBeNull();
    expect(clickhouse).toEqual({ address: 'http://ch:8123', source: 'external' });
  });

  test.each(['127.0.0.1:9092', 'localhost:9092'])('stays our own when the environment names our own: %s', (address) => {
    expect(mergeEndpoints({ KAFKA_BROKERS: address }, stack()).kafka?.source).toBe('embedded');
  });

  test('is nowhere when the embedded one is gone and nobody will start it again', () => {
    expect(mergeEndpoints({}, stack({ kafka: GONE })).kafka).toBeNull();
    expect(mergeEndpoints({}, null).kafka).toBeNull();
  });

  test('is still the embedded one while it is being started again', () => {
    expect(mergeEndpoints({}, stack({ kafka: GONE, supervisor: ME })).kafka?.source).toBe('embedded');
  });

  test('is told to programs by three variables', () => {
    const endpoint = (address: string): Endpoints['kafka'] => ({ address, source: 'embedded' });
    const all = { kafka: endpoint('k:1'), registry: endpoint('http://r'), clickhouse: endpoint('http://c') };
    expect(endpointEnv(all)).toEqual({
      KAFKA_BROKERS: 'k:1',
      SCHEMA_REGISTRY_URL: 'http://r',
      CLICKHOUSE_URL: 'http://c',
    });
  });
});

test('servers stop in the order ClickHouse, registry, Kafka', () => {
  const records = ['registry', 'kafka', 'alpha', 'clickhouse'].map((name) => ({
    name,
    kind: name === 'alpha' ? ('service' as const) : ('part' as const),
  }));
  expect(lastPartFirst(records).map(({ name }) => name)).toEqual(['clickhouse', 'registry', 'kafka']);
});
