import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sleep } from '../../services/shared/clock.js';

/** cut: the request never arrives. cut-after: it does, and its answer does not. */
export type Trouble = 'pass' | 'slow' | 'garbage' | 'cut' | 'cut-after';

const SLOW_MS = 1_500;
const GARBAGE = '<html><body>502 Bad Gateway</body></html>';

/** Passes requests on to a server, as well as its mode lets it. */
export class TroubledProxy {
  mode: Trouble = 'pass';
  readonly #server: Server;
  readonly #target: () => string;

  private constructor(target: () => string) {
    this.#target = target;
    this.#server = createServer((asked, answer) => {
      void this.#serve(asked, answer).catch(() => answer.destroy());
    });
  }

  static async open(target: () => string): Promise<TroubledProxy> {
    const proxy = new TroubledProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** What the target's address is through this proxy. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${new URL(this.#target()).pathname.replace(/\/$/, '')}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { mode } = this;
    if (mode === 'slow') await sleep(SLOW_MS);
    if (mode === 'cut') {
      asked.socket.destroy();
      return;
    }
    if (mode === 'garbage') {
      asked.resume();
      answer.writeHead(200, { 'content-type': 'text/html' }).end(GARBAGE);
      return;
    }
    const target = new URL(this.#target());
    const options = { host: target.hostname, port: target.port, path: asked.url, method: asked.method };
    const passed = request({ ...options, headers: asked.headers }, (reply) => {
      if (mode === 'cut-after') {
        reply.resume().once('end', () => asked.socket.destroy());
        return;
      }
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.once('error', () => answer.destroy());
      reply.pipe(answer);
    });
    passed.once('error', () => answer.destroy());
    asked.pipe(passed);
  }
}
