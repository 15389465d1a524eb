import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, inject, it } from 'vitest';

import { packageRoot } from '../../services/shared/package-root.js';
import { TestNetwork, waitUntil } from '../integration/services.fixture.js';
import { inferenceRecord, START_MICROS, traffic } from '../unit/runtime/records.fixture.js';

const COUNT = 4_000;
const INFERENCES = Array.from({ length: COUNT }, (_, i) => inferenceRecord(`i${i}`, { occurred_at: START_MICROS + i }));
let network: TestNetwork;
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await network.close();
});

async function expectEachOnce(): Promise<void> {
  expect(await network.count('SELECT * FROM inference_records')).toBe(COUNT);
  expect(await network.count("SELECT * FROM inferences WHERE release = 'v1'")).toBe(COUNT);
  expect(await network.count('SELECT DISTINCT partition, offset FROM inference_rows')).toBe(COUNT);
}

function spawnInferenceService(): ChildProcess {
  const main = join(packageRoot(), 'services', 'inference', 'main.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', main], {
    cwd: packageRoot(),
    env: { ...process.env, ...network.env, PORT: '0' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
  return child;
}

describe('an inference service', () => {
  it('that is killed has each fact once', async () => {
    network = await TestNetwork.create({ BATCH_ROWS_MAX: '100' });
    await network.send('releases', [traffic('r1', START_MICROS, { v1: 10_000 })]);
    await network.send('inferences', INFERENCES.slice(0, COUNT / 2));
    const first = spawnInferenceService();
    await waitUntil('something is written', async () => (await network.count('SELECT * FROM inference_rows')) > 0);
    first.kill('SIGKILL');
    await network.send('inferences', INFERENCES.slice(COUNT / 2));
    spawnInferenceService();
    await network.applied({ inferences: COUNT });
    await expectEachOnce();
  });

  it('that is asked to end finishes what it has in hand, and ends with 0', async () => {
    network = await TestNetwork.create();
    await network.send('releases', [traffic('r1', START_MICROS, { v1: 10_000 })]);
    await network.send('inferences', INFERENCES);
    const first = spawnInferenceService();
    await waitUntil('something is written', async () => (await network.count('SELECT * FROM inference_rows')) > 0);
    first.kill('SIGTERM');
    expect(await once(first, 'exit')).toEqual([0, null]);
    await network.start('inferences');
    await network.applied({ inferences: COUNT });
    await expectEachOnce();
  });

  it('that gets company and then goes leaves every partition right, also for a release record of before', async () => {
    network = await TestNetwork.create();
    await network.send('releases', [traffic('r0', START_MICROS, { v0: 10_000 })]);
    await network.send('inferences', INFERENCES.slice(0, COUNT / 2));
    const [first] = await network.start('inferences');
    await waitUntil('something is written', async () => (await network.count('SELECT * FROM inference_rows')) > 0);
    const joining = network.start('inferences');
    await network.send('releases', [traffic('r1', START_MICROS, { v1: 10_000 })]);
    await network.send('inferences', INFERENCES.slice(COUNT / 2));
    await joining;
    await first?.stop();
    await network.applied({ inferences: COUNT });
    await waitUntil('all rows are swept', async () => {
      const sql = "SELECT * FROM progress WHERE service = 'inference' AND release_offset = 2";
      return (await network.count(sql)) === 3;
    });
    await expectEachOnce();
  });

  it('waits while ClickHouse is away, and loses nothing (L8)', async () => {
    const door = await Door.to(inject('endpoints').clickhouseUrl);
    network = await TestNetwork.create({ CLICKHOUSE_URL: door.url, RETRY_MAX_MS: '200' });
    try {
      await network.send('releases', [traffic('r1', START_MICROS, { v1: 10_000 })]);
      const [service] = await network.start('inferences');
      await network.send('inferences', INFERENCES.slice(0, 100));
      await network.applied({ inferences: 100 });
      door.shut();
      await network.send('inferences', INFERENCES.slice(100));
      await waitUntil('it has noticed', async () => {
        const metrics = await (await fetch(`http://127.0.0.1:${service?.port ?? 0}/metrics`)).text();
        return /backtrail_retries_attempts_total\{.*CLICKHOUSE_UNREACHABLE.*\} [1-9]/.test(metrics);
      });
      door.open();
      await network.applied({ inferences: COUNT });
      await expectEachOnce();
    } finally {
      await door.close();
    }
  });
});

/** Stands before a server and can be shut: connections then end, and new ones are refused an answer. */
class Door {
  readonly #sockets = new Set<Socket>();
  #shut = false;

  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async to(target: string): Promise<Door> {
    const { hostname, port } = new URL(target);
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const door = new Door(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
    server.on('connection', (near) => {
      if (door.#shut) {
        near.destroy();
        return;
      }
      const far = connect(Number(port), hostname);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        door.#sockets.add(socket);
        socket.pipe(other);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          door.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
    return door;
  }

  shut(): void {
    this.#shut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  open(): void {
    this.#shut = false;
  }

  async close(): Promise<void> {
    this.shut();
    this.server.close();
    await once(this.server, 'close').catch(() => undefined);
  }
}
