import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createClient } from '@clickhouse/client';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { startClickHouseServer } from '../../infra/embedded/clickhouse/server.js';
import { spawnClickHouseServer } from '../../infra/embedded/clickhouse/spawn.js';
import { nodeCommand } from '../../infra/embedded/launch.js';

const folder = mkdtempSync(join(tmpdir(), 'backtrail-clickhouse-process-'));
let path = '';
let count = 0;

beforeEach(() => {
  count++;
  path = join(folder, String(count));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function ask(url: string, statement: string): Promise<string> {
  return (await fetch(url, { method: 'POST', body: statement })).text();
}

test('kill -9 in the middle of inserts: what was acknowledged is there, and nothing twice', async () => {
  const first = await spawnClickHouseServer({ path, env: process.env });
  await ask(first.url, 'CREATE TABLE t (id UInt64, s String) ENGINE = MergeTree ORDER BY id');
  const acknowledged: number[] = [];
  const client = createClient({ url: first.url, log: { level: 127 } });
  const insert = async (worker: number): Promise<void> => {
    for (let batch = 0; ; batch++) {
      const start = (worker * 10_000 + batch) * 100;
      const values = Array.from({ length: 100 }, (_, i) => ({ id: start + i, s: 'x'.repeat(50) }));
      await client.insert({ table: 't', values, format: 'JSONEachRow' });
      acknowledged.push(start);
      if (acknowledged.length === 100) await first.kill();
    }
  };
  await Promise.allSettled([0, 1, 2, 3].map(insert));
  await client.close();
  expect(acknowledged.length).toBeGreaterThanOrEqual(100);

  const second = await spawnClickHouseServer({ path, env: process.env });
  const found = await ask(second.url, 'SELECT intDiv(id, 100) * 100 AS b, count() FROM t GROUP BY b FORMAT CSV');
  const batches = new Map(
    found
      .trim()
      .split('\n')
      .map((line) => line.split(',').map(Number) as [number, number]),
  );
  expect(acknowledged.filter((start) => batches.get(start) !== 100)).toEqual([]);
  expect([...batches.values()].every((rows) => rows === 100)).toBe(true);
  await second.stop();
});

test('SIGTERM lets a running query finish and keeps the data', async () => {
  const first = await spawnClickHouseServer({ path, env: process.env });
  await ask(first.url, 'CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id');
  await ask(first.url, 'INSERT INTO t VALUES (1)');
  const running = ask(first.url, 'SELECT sleepEachRow(0.3) FROM numbers(3) SETTINGS max_block_size = 1');
  await ask(first.url, 'SELECT 1');
  await first.stop();
  expect(await running).toBe('0\n0\n0\n');
  const second = await spawnClickHouseServer({ path, env: process.env });
  expect(await ask(second.url, 'SELECT count() FROM t')).toBe('1\n');
  await second.stop();
});

test('says in a sentence that the folder is in use, or the port taken', async () => {
  const first = await spawnClickHouseServer({ path, env: process.env });
  await expect(spawnClickHouseServer({ path, env: process.env })).rejects.toThrow(/in use by another process/);
  const port = Number(new URL(first.url).port);
  await expect(spawnClickHouseServer({ path: `${path}-other`, port, env: process.env })).rejects.toThrow(
    /Port \d+ .* is taken/,
  );
  await first.stop();
});

test('starts itself again with the threads it needs, and stops with the process that stands in for it', async () => {
  const [program, ...args] = nodeCommand('infra/embedded/clickhouse/main', ['--path', path, '--port', '0']);
  const env: NodeJS.ProcessEnv = { ...process.env };
  delete env['UV_THREADPOOL_SIZE'];
  const running = execFile(program, args, { env });
  const url = await new Promise<string>((resolve) => {
    running.stdout?.on('data', (line: string) => {
      resolve(/at (\S+)/.exec(line)?.[1] ?? '');
    });
  });
  expect(await Promise.all(Array.from({ length: 12 }, () => ask(url, 'SELECT 1')))).toEqual(Array(12).fill('1\n'));
  const ended = new Promise((resolve) => running.once('exit', resolve));
  running.kill('SIGTERM');
  expect(await ended).toBe(0);
  await expect(ask(url, 'SELECT 1')).rejects.toThrow();
});

test('wrong flags are a usage error', async () => {
  const [program, ...args] = nodeCommand('infra/embedded/clickhouse/main', ['--port', 'x']);
  await expect(promisify(execFile)(program, args)).rejects.toMatchObject({ code: 2 });
});

test('inside this process: few sessions, a short queue, and a refusal when it is full', async () => {
  mkdirSync(path);
  const server = await startClickHouseServer({ path, queueMax: 1, bodyBytesMax: 3_000_000 });
  const slow = 'SELECT sleepEachRow(0.5) FROM numbers(2) SETTINGS max_block_size = 1';
  const answers = await Promise.all(
    Array.from({ length: 4 }, async () =>
      fetch(server.url, { method: 'POST', body: slow }).then((answer) =>
        answer.headers.get('x-clickhouse-exception-code'),
      ),
    ),
  );
  expect(answers.filter((code) => code === null)).toHaveLength(2);
  expect(answers.filter((code) => code === '202')).toHaveLength(2);
  await ask(server.url, 'CREATE TABLE t (s String) ENGINE = Memory');
  const large = await fetch(`${server.url}/?query=INSERT%20INTO%20t%20FORMAT%20TSV`, {
    method: 'POST',
    body: 'x\n'.repeat(2_000_000),
  });
  expect(large.status).toBe(413);
  await server.close();
});

test('a taken port is told apart inside this process too', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  await expect(startClickHouseServer({ path, port })).rejects.toThrow(/is taken/);
  other.close();
});
