import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebhookBody } from '../../services/alert/payload.js';

export interface Received {
  readonly key: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: WebhookBody;
}

type Reply = (response: ServerResponse, request: IncomingMessage) => void;

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}, text = ''): Reply =>
  (response) => {
    response.writeHead(code, headers).end(text);
  };
/** What is not HTTP at all. */
export const garbage: Reply = (_response, request) => {
  request.socket.end('\u0000\u0001 what?\r\n\r\n');
};
/** Takes the request and never answers. */
export const silence: Reply = () => undefined;
export const hangUp: Reply = (_response, request) => {
  request.socket.destroy();
};

/** A receiver of webhooks on this machine, which answers as it is told: the replies in their order, then 200. */
export class WebhookReceiver {
  readonly received: Received[] = [];
  readonly replies: Reply[] = [];
  #server: Server | null = null;
  port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** At the same port as before, if it was open before. */
  async open(): Promise<this> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as WebhookBody;
        this.received.push({ key: String(request.headers['idempotency-key']), headers: request.headers, body });
        (this.replies.shift() ?? status(200))(response, request);
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  /** All alerts listed in all notifications, as `id status`. */
  get told(): string[] {
    return this.received.flatMap(({ body }) =>
      body.alerts.map(({ labels, status }) => `${labels['subject'] ?? ''} ${status}`),
    );
  }
}
