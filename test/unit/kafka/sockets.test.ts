import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { Sockets } from '../../../services/shared/kafka/sockets.js';

let server: Server;

beforeEach(async () => {
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.close();
});

function open(sockets: Sockets): ReturnType<Sockets['factory']> {
  const { port } = server.address() as AddressInfo;
  const plain = { host: '127.0.0.1', port, onConnect: () => undefined } as Parameters<Sockets['factory']>[0];
  return sockets.factory(plain);
}

it('ends what is open, tells whoever waits for it, and opens no more', async () => {
  const sockets = new Sockets();
  const [first, second] = [open(sockets), open(sockets)];
  await Promise.all([once(first, 'connect'), once(second, 'connect')]);
  const told: unknown[] = [];
  const gone = [first, second].map(async (socket) => {
    socket.on('error', (error) => told.push(error.message));
    await new Promise((resolve) => socket.once('close', resolve));
  });
  sockets.end();
  await Promise.all(gone);
  expect(told).toEqual(['this client is closed', 'this client is closed']);
  expect(sockets.count).toBe(0);
  expect(() => open(sockets)).toThrow('closed');
});

it('forgets what has ended by itself, and lets what is being ended say goodbye', async () => {
  const sockets = new Sockets();
  const [gone, leaving] = [open(sockets), open(sockets)];
  await Promise.all([once(gone, 'connect'), once(leaving, 'connect')]);
  gone.destroy();
  await once(gone, 'close');
  expect(sockets.count).toBe(1);
  leaving.end('goodbye');
  const errors: unknown[] = [];
  leaving.on('error', (error) => errors.push(error));
  sockets.end();
  expect(leaving.destroyed).toBe(false);
  expect(errors).toEqual([]);
  leaving.destroy();
});
