import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Metrics } from '../metrics.js';

/** What a service says of itself. */
export interface Health {
  /** Null while it works; else why it does not. */
  failure(): string | null;
  /** Null when it is caught up with releases and a member of its group; else what it waits for. */
  notReady(): string | null;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves /healthz, /readyz and /metrics. Port 0 takes any that is free. */
export async function serveHealth(
  address: { readonly host: string; readonly port: number },
  health: Health,
  metrics: Metrics,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    const answer = (status: number, text: string, type = 'text/plain'): void => {
      response.writeHead(status, { 'content-type': type, connection: 'close' }).end(text);
    };
    if (path === '/healthz') answer(health.failure() === null ? 200 : 503, `${health.failure() ?? 'ok'}\n`);
    else if (path === '/readyz') answer(health.notReady() === null ? 200 : 503, `${health.notReady() ?? 'ready'}\n`);
    else if (path === '/metrics') {
      metrics.registry.metrics().then(
        (text) => {
          answer(200, text, metrics.registry.contentType);
        },
        (error: unknown) => {
          answer(500, `${String(error)}\n`);
        },
      );
    } else answer(404, 'there are /healthz, /readyz and /metrics\n');
  });
  await listening(server, address);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
