import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';

import { expect, it } from 'vitest';

import { Sockets } from '../../../services/shared/kafka/sockets.js';
import { beginAnswersAnew } from '../../../services/shared/kafka/whole-answers.js';

interface Connection {
  chunks: readonly Buffer[];
  bytesBuffered: number;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
}
type ConnectionClass = new (options: object) => Connection;

const Connection = createRequire(import.meta.url)('kafkajs/src/network/connection.js') as ConnectionClass;

it('half an answer of a connection that ended is not the beginning of the next one', async () => {
  beginAnswersAnew();
  beginAnswersAnew();
  const half = Buffer.from([0, 0, 0, 9, 1]);
  const server = createServer((socket) => socket.write(half));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const nothing = (): void => undefined;
  const logger = { namespace: () => ({ debug: nothing, error: nothing, warn: nothing }) };
  const sockets = new Sockets();
  const { port } = server.address() as AddressInfo;
  const options = { host: '127.0.0.1', port, logger, connectionTimeout: 1_000, requestTimeout: 1_000 };
  const connection = new Connection({ ...options, socketFactory: sockets.factory });
  for (let times = 0; times < 2; times += 1) {
    await connection.connect();
    while (connection.bytesBuffered === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(Buffer.concat(connection.chunks)).toEqual(half);
    await connection.disconnect();
  }
  sockets.end();
  server.close();
});
