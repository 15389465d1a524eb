import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Home } from '../../infra/embedded/home.js';
import { identityOf } from '../../infra/embedded/identity.js';
import { freePort } from '../../infra/embedded/ports.js';
import { ensureStack, resolveEndpoints } from '../../infra/embedded/stack.js';
import type { ServiceSpec } from '../../infra/embedded/stack-file.js';
import type { Started } from '../../infra/embedded/start.js';
import { stackStatus } from '../../infra/embedded/status.js';
import { stopStack } from '../../infra/embedded/stop.js';
import {
  allPids,
  answeringServer,
  consume,
  createTopic,
  eventually,
  exampleService,
  pidOf,
  plainEnv,
  produce,
  removeHome,
  start,
  temporaryHome,
} from './embedded.fixture.js';

describe('the embedded stack', () => {
  let home: Home;
  let stack: Started;
  let services: ServiceSpec[];
  const migrated: string[] = [];
  const migrate = async (): Promise<void> => {
    migrated.push((await stackStatus(home, plainEnv())).parts.kafka.state);
  };

  beforeAll(async () => {
    home = temporaryHome();
    services = [exampleService('example', await freePort())];
    stack = await start(home, { services, migrate });
  });
  afterAll(async () => {
    await stopStack({ home });
    removeHome(home);
  });

  const allReady = async (): Promise<boolean> => (await stackStatus(home, plainEnv())).allReady;
  const brokers = (): string => stack.endpoints.kafka.address;

  test('is ready when it says so, and was migrated before its services started', async () => {
    expect(await allReady()).toBe(true);
    expect(stack.started.toSorted()).toEqual(['clickhouse', 'example', 'kafka', 'registry']);
    expect(migrated).toEqual(['ready']);
  });

  test('carries records', async () => {
    await createTopic(brokers(), 'trail');
    await produce(brokers(), 'trail', ['one', 'two']);
    expect(await consume(brokers(), 'trail', 2)).toEqual(['one', 'two']);
  });

  test('answers SQL', async () => {
    const response = await fetch(`${stack.endpoints.clickhouse.address}/?query=SELECT%201%2B1`);
    expect(await response.text()).toBe('2\n');
  });

  test('tells its services where everything is', async () => {
    const url = (await stackStatus(home, plainEnv())).services[0]?.url ?? '';
    expect(await (await fetch(url)).json()).toEqual({
      KAFKA_BROKERS: brokers(),
      SCHEMA_REGISTRY_URL: stack.endpoints.registry.address,
      CLICKHOUSE_URL: stack.endpoints.clickhouse.address,
      GREETING: 'hello',
    });
  });

  test('is left as it is by a second start', async () => {
    const before = allPids(home);
    const again = await start(home, { services, migrate });
    expect(again.started).toEqual([]);
    expect(again.endpoints).toEqual(stack.endpoints);
    expect(allPids(home)).toEqual(before);
  });

  test('is found by commands that need one', async () => {
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    expect(await ensureStack({ home, env: plainEnv(), say })).toEqual(stack.endpoints);
    expect(resolveEndpoints(plainEnv(), home)).toEqual(stack.endpoints);
    expect(said).toEqual([]);
  });

  test.each(['kafka', 'registry', 'clickhouse', 'example'])('starts %s again when it is killed', async (name) => {
    const pid = pidOf(home, name);
    process.kill(pid, 'SIGKILL');
    await eventually(`${name} runs again`, async () => (await allReady()) && pidOf(home, name) !== pid);
    const record = (await stackStatus(home, plainEnv())).services.find((service) => service.name === name);
    if (name === 'example') expect(record).toMatchObject({ state: 'ready', restarts: 1, reason: 'killed by SIGKILL' });
  });

  test('stays as it is when a command waits for its broker that knows another ClickHouse, or is ended', async () => {
    const other = await answeringServer();
    const before = allPids(home);
    const kafka = pidOf(home, 'kafka');
    process.kill(kafka, 'SIGKILL');
    await eventually('the broker is away', async () => !(await allReady()));
    const env = { ...plainEnv(), CLICKHOUSE_URL: other.url, SCHEMA_REGISTRY_URL: stack.endpoints.registry.address };
    const signal = AbortSignal.abort();
    await expect(ensureStack({ home, env, signal })).rejects.toThrow('interrupted');
    const clickhouse = { address: other.url, source: 'external' };
    expect(await ensureStack({ home, env })).toEqual({ ...stack.endpoints, clickhouse });
    other.close();
    expect(await allReady()).toBe(true);
    const others = (pids: readonly number[]): number[] =>
      pids.filter((pid) => ![kafka, pidOf(home, 'kafka')].includes(pid));
    expect(others(allPids(home))).toEqual(others(before));
  });

  test('has what was acknowledged before its broker was killed', async () => {
    expect(await consume(brokers(), 'trail', 2)).toEqual(['one', 'two']);
  });

  test('starts a service again that ended by itself, and says how it ended', async () => {
    const { url } = (await stackStatus(home, plainEnv())).services[0] ?? { url: '' };
    await (await fetch(`${url}/end`)).text();
    await eventually('the service runs again', async () => {
      const service = (await stackStatus(home, plainEnv())).services[0];
      return service?.state === 'ready' && service.reason === 'exit code 7';
    });
  });

  test('leaves no process behind when it is stopped, and keeps its data', async () => {
    const pids = allPids(home);
    expect(pids).toHaveLength(5);
    expect((await stopStack({ home })).toSorted()).toEqual(['clickhouse', 'example', 'kafka', 'registry']);
    expect(pids.map(identityOf)).toEqual([null, null, null, null, null]);
    expect(resolveEndpoints(plainEnv(), home)).toEqual({ kafka: null, registry: null, clickhouse: null });
    expect(await stopStack({ home })).toEqual([]);

    stack = await start(home);
    expect(await consume(brokers(), 'trail', 2)).toEqual(['one', 'two']);
  });
});
