import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

import { sleep } from '../../services/shared/clock.js';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** What an answer becomes; `forward` asks the real server, and only then has anything been saved. */
export type Fault = (forward: () => Promise<Answer>, response: ServerResponse) => Promise<Answer | null>;

const SLOW_MS = 1_200;
const page = (status: number, text: string, headers: OutgoingHttpHeaders = {}): Answer => {
  return { status, headers: { 'content-type': 'text/html', ...headers }, body: Buffer.from(text) };
};
const hangUp = (response: ServerResponse): null => {
  response.socket?.destroy();
  return null;
};
const EXCEPTION = 'Code: 242. DB::Exception: Table is in readonly mode. (TABLE_IS_READ_ONLY) (version 26.7.1.1)';
/** As ClickHouse says it when the disk is full. */
const NO_SPACE = 'Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)';

/** The faults of a server that is spoken to by HTTP. */
export const HTTP_FAULTS = {
  'fails, nothing saved': (_forward, response) => Promise.resolve(hangUp(response)),
  'fails after it had saved': async (forward, response) => {
    await forward();
    return hangUp(response);
  },
  'is slow': async (forward) => {
    await sleep(SLOW_MS);
    return forward();
  },
  'answers 503 with a page': () => Promise.resolve(page(503, '<html>no upstream</html>')),
  'answers 200 with a page': () => Promise.resolve(page(200, '<html>sign in, please</html>')),
  'answers 200 with nothing': () => Promise.resolve(page(200, '')),
  'answers 404 with a page': () => Promise.resolve(page(404, '<html>nothing here</html>')),
  'answers 200 with JSON of another kind': () =>
    Promise.resolve(page(200, '{"ok":true}', { 'content-type': 'application/json' })),
  'answers 200 with an exception inside': () =>
    Promise.resolve(page(200, EXCEPTION, { 'x-clickhouse-query-id': 'q', 'x-clickhouse-summary': '{}' })),
  'answers 200 with an exception behind what is right': async (forward) => {
    const answer = await forward();
    const body = Buffer.concat([answer.body, Buffer.from(`\n${EXCEPTION}`)]);
    return { ...answer, headers: { ...answer.headers, 'content-length': body.length }, body };
  },
  'says that its disk is full': () =>
    Promise.resolve(page(500, NO_SPACE, { 'content-type': 'text/plain', 'x-clickhouse-exception-code': '243' })),
  'ends in the middle of its answer': async (forward, response) => {
    const { status, headers, body } = await forward();
    response.writeHead(status, { ...headers, 'content-length': body.length + 100 });
    response.write(body.subarray(0, body.length >> 1));
    await sleep(20);
    return hangUp(response);
  },
} as const satisfies Record<string, Fault>;

interface Ordered {
  readonly fault: Fault;
  readonly hits: (asked: Asked) => boolean;
  left: number;
}

/** Stands before a server and does wrong what it is told to. Everything else goes through. */
export class FaultProxy {
  #ordered: Ordered | null = null;
  hits = 0;

  private constructor(
    private readonly target: URL,
    private readonly server: ReturnType<typeof createServer>,
  ) {}

  static async to(target: string): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(new URL(target), server);
    server.on('request', (asked, response) => {
      void proxy.#serve(asked, response).catch(() => response.socket?.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** With the path that the address of the server has. */
  get url(): string {
    const path = this.target.pathname === '/' ? '' : this.target.pathname;
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${path}`;
  }

  /** The requests that it hits, so many times. By default every one, until it is mended. */
  break(fault: Fault, times = Number.POSITIVE_INFINITY, hits: (asked: Asked) => boolean = () => true): void {
    this.hits = 0;
    this.#ordered = { fault, hits, left: times };
  }

  mend(): void {
    this.#ordered = null;
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close').catch(() => undefined);
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const asked = { method: incoming.method ?? 'GET', path: incoming.url ?? '/', body };
    const forward = (): Promise<Answer> => this.#forward(asked, incoming.headers);
    const ordered = this.#ordered;
    const isHit = ordered !== null && ordered.left > 0 && ordered.hits(asked);
    if (isHit) {
      ordered.left -= 1;
      this.hits += 1;
    }
    const answer = isHit ? await ordered.fault(forward, response) : await forward();
    if (answer !== null) response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  async #forward({ method, path, body }: Asked, headers: IncomingMessage['headers']): Promise<Answer> {
    const { hostname, port } = this.target;
    const sent = request({ hostname, port, method, path, headers: { ...headers, 'accept-encoding': 'identity' } });
    delete headers['transfer-encoding'];
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const bytes = await buffer(answer);
    const kept = { ...answer.headers };
    delete kept['transfer-encoding'];
    return { status: answer.statusCode ?? 502, headers: { ...kept, 'content-length': bytes.length }, body: bytes };
  }
}
