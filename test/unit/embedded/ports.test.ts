import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { choosePort, freePort, isFree, parsePort } from '../../../infra/embedded/ports.js';
import { StackError } from '../../../infra/embedded/stack-error.js';

const open: Server[] = [];

async function takenPort(): Promise<number> {
  const server = createServer();
  open.push(server);
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return port;
}

afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

describe('the port of a part', () => {
  test('is the one that was asked for, if it is free', async () => {
    const port = await freePort();
    expect(await choosePort('kafka', port, new Set())).toBe(port);
  });

  test('that is taken is refused with a sentence that says what to do', async () => {
    const port = await takenPort();
    const refusal = choosePort('registry', port, new Set());
    await expect(refusal).rejects.toBeInstanceOf(StackError);
    await expect(refusal).rejects.toThrow(`Port ${String(port)}`);
    await expect(refusal).rejects.toThrow('--registry-port N');
    await expect(refusal).rejects.toThrow('SCHEMA_REGISTRY_URL');
  });

  test('is refused when another part of the same stack was given it', async () => {
    const port = await freePort();
    await expect(choosePort('clickhouse', port, new Set([port]))).rejects.toThrow(`Port ${String(port)}`);
  });

  test('is a free one where any will do', async () => {
    const port = await choosePort('kafka', 'auto', new Set());
    expect(await isFree(port)).toBe(true);
  });

  test('is never free while somebody listens on it', async () => {
    expect(await isFree(await takenPort())).toBe(false);
  });

  test.each([
    ['auto', 'auto'],
    ['9092', 9092],
    ['65535', 65_535],
  ])('"%s" is understood', (text, choice) => {
    expect(parsePort(text, '--kafka-port')).toBe(choice);
  });

  test.each(['', '0', '65536', '-1', '9092x', '1e3', 'any'])('"%s" is refused as wrong usage', (text) => {
    expect(() => parsePort(text, '--kafka-port')).toThrow(expect.objectContaining({ exitCode: 2 }) as StackError);
  });
});
