import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { Spool } from './body.js';
import { Engine, EngineUnavailable } from './engine.js';
import { Gate } from './gate.js';
import { Handler } from './handler.js';
import { NamedSessions } from './named-sessions.js';
import { Pipes } from './pipes.js';

export interface ClickHouseServerOptions {
  /** The data directory; it is made when missing. */
  path: string;
  host?: string;
  /** 0 (the default) takes a free one. */
  port?: number;
  /**
   * Statements that may run at once, a third of them inserts. Each occupies a thread of libuv's pool, so the process needs
   * UV_THREADPOOL_SIZE of at least this plus two; the default fits libuv's default of four.
   */
  sessions?: number;
  /** Statements that may wait for their turn, of each kind. */
  queueMax?: number;
  /** The largest body of an insert. */
  bodyBytesMax?: number;
  /** How long close() lets running reads go on before it stops them. */
  drainMs?: number;
}

export interface ClickHouseServer {
  url: string;
  /** Takes no more requests, waits for those that run, closes the engine. */
  close(): Promise<void>;
}

const SESSIONS_DEFAULT = 2;
const QUEUE_DEFAULT = 200;
const BODY_BYTES_DEFAULT = 16 * 1024 ** 3;
const DRAIN_MS_DEFAULT = 10_000;
// The server's limit for a URL, and room for headers.
const HEADER_BYTES_MAX = 1024 * 1024 + 64 * 1024;
const KEEP_ALIVE_MS = 30_000;

/** chDB behind ClickHouse's HTTP interface. One process can serve one data directory. Throws EngineUnavailable in words. */
export async function startClickHouseServer(options: ClickHouseServerOptions): Promise<ClickHouseServer> {
  const path = resolve(options.path);
  if (/[{}*?]/.test(path)) {
    throw new EngineUnavailable(`ClickHouse would read the path ${path} as a pattern: choose one without { } * ?`);
  }
  const folder = join(path, 'http');
  const engine = Engine.open({ path, configFile: join(makeFolder(path), 'engine.xml') });
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const sessions = Math.max(2, options.sessions ?? SESSIONS_DEFAULT);
    const inserts = Math.max(1, Math.floor(sessions / 3));
    const reads = sessions - inserts;
    const queueMax = options.queueMax ?? QUEUE_DEFAULT;
    const named = new NamedSessions(engine);
    const handler = new Handler({
      engine,
      named,
      // Some more than can be in use: one that a stopped statement left is free a moment later.
      pipes: new Pipes(folder, reads + 8),
      spool: new Spool(folder, { bytesMax: options.bodyBytesMax ?? BODY_BYTES_DEFAULT }),
      reads: new Gate({ width: reads, queueMax }),
      inserts: new Gate({ width: inserts, queueMax }),
      identity: await identify(engine),
    });
    const server = createServer({
      maxHeaderSize: HEADER_BYTES_MAX,
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
    });
    server.on('request', (request, response) => {
      void handler.handle(request, response);
    });
    await listen(server, options.port ?? 0, options.host ?? '127.0.0.1');
    const { address, port } = server.address() as AddressInfo;
    let closing: Promise<void> | null = null;
    const close = async (): Promise<void> => {
      const closed = new Promise<void>((done) =>
        server.close(() => {
          done();
        }),
      );
      await handler.drain(options.drainMs ?? DRAIN_MS_DEFAULT);
      server.closeAllConnections();
      await closed;
      named.close();
      engine.close();
      rmSync(folder, { recursive: true, force: true });
    };
    return { url: `http://${address}:${String(port)}`, close: () => (closing ??= close()) };
  } catch (error) {
    engine.close();
    throw error;
  }
}

function makeFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new EngineUnavailable(`The folder ${path} cannot be made: ${(error as Error).message}`, { cause: error });
  }
  return path;
}

async function identify(engine: Engine): Promise<{ displayName: string; timezone: string; version: string }> {
  const connection = engine.connect();
  try {
    const { bytes } = await connection.query('SELECT version(), timezone(), displayName()');
    const [version = '', timezone = 'UTC', displayName = ''] = bytes.toString().trimEnd().split('\t');
    return { displayName, timezone, version };
  } finally {
    connection.close();
  }
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((done, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const text =
        error.code === 'EADDRINUSE'
          ? `Port ${String(port)} on ${host} is taken by another program. Stop that one, or choose another --port.`
          : `ClickHouse cannot listen on ${host}:${String(port)}: ${error.message}`;
      failed(new EngineUnavailable(text, { cause: error }));
    });
    server.listen(port, host, done);
  });
}
