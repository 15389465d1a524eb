import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Home } from '../../infra/embedded/home.js';
import { identityOf } from '../../infra/embedded/identity.js';
import { freePort } from '../../infra/embedded/ports.js';
import { type StackFile, writeJson } from '../../infra/embedded/stack-file.js';
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
  recorded,
  removeHome,
  start,
  temporaryHome,
} from './embedded.fixture.js';

// ClickHouse is "there already" in these tests, named in the environment: they are about the others, and about naming one.
let clickhouse: Awaited<ReturnType<typeof answeringServer>>;
let home: Home;

beforeAll(async () => {
  clickhouse = await answeringServer();
});
afterAll(() => {
  clickhouse.close();
});
beforeEach(() => {
  home = temporaryHome();
});
afterEach(async () => {
  await stopStack({ home });
  removeHome(home);
});

function env(): Record<string, string | undefined> {
  return { ...plainEnv(), CLICKHOUSE_URL: clickhouse.url };
}

/** A JAVA_HOME whose Java only tells its version. */
function standInJava(version: string): string {
  const folder = join(home.root, 'java');
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin', 'java'), `#!/bin/sh\necho 'openjdk version "${version}"' >&2\n`, { mode: 0o755 });
  return folder;
}

describe('two stacks', () => {
  test('run side by side and share nothing', async () => {
    const other = temporaryHome();
    try {
      const [a, b] = await Promise.all([start(home, { env: env() }), start(other, { env: env() })]);
      await createTopic(a.endpoints.kafka.address, 'trail');
      await createTopic(b.endpoints.kafka.address, 'trail');
      await produce(a.endpoints.kafka.address, 'trail', ['of a']);
      await produce(b.endpoints.kafka.address, 'trail', ['of b']);
      await stopStack({ home });
      expect(await consume(b.endpoints.kafka.address, 'trail', 1)).toEqual(['of b']);
    } finally {
      await stopStack({ home: other });
      removeHome(other);
    }
  });
});

describe('after a crash', () => {
  test('that killed everything, the stack starts with its data', async () => {
    const first = await start(home, { env: env() });
    await createTopic(first.endpoints.kafka.address, 'trail');
    await produce(first.endpoints.kafka.address, 'trail', ['kept']);
    // The supervisor first, or it would start the others again; its guard will.
    const pids = allPids(home);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await eventually('all are dead', () => pids.every((pid) => identityOf(pid) === null));
    const again = await start(home, { env: env() });
    expect(await consume(again.endpoints.kafka.address, 'trail', 1)).toEqual(['kept']);
  });

  test('of the supervisor alone, it comes back, takes over what lives and starts what died', async () => {
    const services = [exampleService('example', await freePort())];
    await start(home, { env: env(), services });
    const kept = { registry: pidOf(home, 'registry'), example: pidOf(home, 'example') };
    const killed = [...allPids(home).slice(0, 1), pidOf(home, 'kafka')];
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await eventually('both are dead', () => killed.every((pid) => identityOf(pid) === null));
    expect(await stackStatus(home, env())).toMatchObject({ supervised: false, allReady: false });

    await eventually('both run again', async () => (await stackStatus(home, env())).allReady);
    expect(await stackStatus(home, env())).toMatchObject({ supervised: true, parts: { kafka: { restarts: 1 } } });
    expect((await start(home, { env: env(), services })).started).toEqual([]);
    expect({ registry: pidOf(home, 'registry'), example: pidOf(home, 'example') }).toEqual(kept);
    // Taken over means watched over: it is no child of the new supervisor.
    process.kill(kept.registry, 'SIGKILL');
    await eventually('the registry runs again', async () => (await stackStatus(home, env())).allReady);
  });

  test('of the supervisor alone, everything can still be stopped', async () => {
    await start(home, { env: env() });
    const pids = allPids(home);
    process.kill(pids[0] ?? 0, 'SIGKILL');
    expect((await stopStack({ home, deleteData: true })).toSorted()).toEqual(['kafka', 'registry']);
    expect(pids.map(identityOf)).toEqual([null, null, null]);
    expect(existsSync(home.data)).toBe(false);
  });
});

describe('a pid that the system gave to another program', () => {
  let stranger: ChildProcess;
  beforeEach(() => {
    stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  });
  afterEach(() => {
    stranger.kill('SIGKILL');
  });

  test('is neither taken for ours nor killed', async () => {
    const identity = { pid: stranger.pid ?? 0, born: 'before the crash' };
    const record = { name: 'kafka', kind: 'part', identity, state: 'ready', restarts: 0, reason: null } as const;
    const stale: StackFile = {
      supervisor: identity,
      generation: 3,
      processes: [{ ...record, address: '127.0.0.1:9092' }],
    };
    writeJson(home.stackFile, stale);
    expect((await stackStatus(home, env())).parts.kafka).toMatchObject({ state: 'stopped', pid: null });
    expect(await stopStack({ home })).toEqual([]);
    expect(identityOf(identity.pid)).not.toBeNull();
  });
});

describe('what cannot be started', () => {
  test('for a port that is taken: says which, and what to do, and starts nothing', async () => {
    const port = await freePort();
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    const attempt = start(home, { env: env(), ports: { kafka: port, registry: 'auto' } });
    await expect(attempt).rejects.toThrow(`Port ${String(port)}, for Kafka, is taken`);
    expect(recorded(home).processes).toEqual([]);
    server.close();
  });

  test('for a server named in the environment that is not there: says which variable', async () => {
    const address = `127.0.0.1:${String(await freePort())}`;
    const attempt = start(home, { env: { ...env(), KAFKA_BROKERS: address } });
    await expect(attempt).rejects.toThrow(`KAFKA_BROKERS names ${address}, but nothing answers there`);
  });

  test('for want of Java: says which version, and how to get it', async () => {
    const attempt = start(home, { env: { ...env(), JAVA_HOME: join(home.root, 'no-java') } });
    await expect(attempt).rejects.toThrow('Install Java 17 or newer');
  });

  test('for a Java that is too old: says so', async () => {
    const attempt = start(home, { env: { ...env(), JAVA_HOME: standInJava('11.0.2') } });
    await expect(attempt).rejects.toThrow(/is Java 11, which is too old for Kafka 4. Install Java 17 or newer/);
  });

  test('for want of Maven, when nothing has been fetched yet: says how to get it', async () => {
    const attempt = start(home, {
      home: { ...home, libRoot: join(home.root, 'lib') },
      env: { ...env(), PATH: join(home.root, 'nothing'), JAVA_HOME: standInJava('17.0.1') },
    });
    await expect(attempt).rejects.toThrow(/Maven \(mvn\) could not be run. Install it/);
    expect(readdirSync(join(home.root, 'lib'))).toEqual([]);
  });

  test('for data that is damaged: stops what it began, and shows the end of the log', async () => {
    mkdirSync(join(home.data, 'kafka', 'log'), { recursive: true });
    writeFileSync(join(home.data, 'kafka', 'log', 'meta.properties'), 'version=1\nnode.id=7\n');
    await expect(start(home, { env: env() })).rejects.toThrow(/kafka could not be started[^]*The end of its log/);
    expect(recorded(home)).toMatchObject({ supervisor: null, processes: [] });
  });

  test('as a failed migration says: starts no service and leaves nothing running', async () => {
    const services = [exampleService('example', await freePort())];
    const migrate = (): Promise<void> => Promise.reject(new Error('no such table'));
    await expect(start(home, { env: env(), services, migrate })).rejects.toThrow('no such table');
    expect(recorded(home)).toMatchObject({ supervisor: null, processes: [] });
    expect(existsSync(join(home.logs, 'example.log'))).toBe(false);
  });
});

test('a service that dies again and again is given up, with the reason; the rest runs', async () => {
  const broken = exampleService('broken', await freePort());
  const services = [{ ...broken, command: [process.execPath, '-e', 'process.exit(3)'] } as const];
  await expect(start(home, { env: env(), services })).rejects.toThrow(
    'broken could not be started (died 6 times in a row, last: exit code 3)',
  );
  const status = await stackStatus(home, env());
  expect(status.services[0]).toMatchObject({ state: 'failed', restarts: 5, pid: null });
  expect(status.parts.kafka.state).toBe('ready');
});

test('a stack with an owner ends with it', async () => {
  const owner = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await start(home, { env: env(), owner: identityOf(owner.pid ?? 0) });
  const pids = allPids(home);
  owner.kill('SIGKILL');
  await eventually('all its processes are gone', () => pids.every((pid) => identityOf(pid) === null));
  expect(readFileSync(join(home.logs, 'supervisor.log'), 'utf8')).toContain('kafka: stopped');
});
