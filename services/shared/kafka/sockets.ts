import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';

import type { ISocketFactory } from 'kafkajs';

const KEEP_ALIVE_MS = 60_000;

/**
 * The sockets of one client. kafkajs forgets some of them: after an outage it drops a broker that is still connected, or
 * connects again for a consumer that was stopped while it joined its group, which then reads on. Each keeps its process alive
 * until the broker finds it idle, after ten minutes. So whoever closes a client ends its sockets too, and there are no more.
 */
export class Sockets {
  readonly #open = new Set<Socket>();
  #ended = false;

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#ended) throw new Error(CLOSED);
    // kafkajs gives null or undefined for a plain connection, whatever its types say.
    const secure = ssl as typeof ssl | null | undefined;
    const socket = secure
      ? connectSecure({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...secure }, onConnect)
      : connectPlain({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  get ended(): boolean {
    return this.#ended;
  }

  get count(): number {
    return this.#open.size;
  }

  /** What kafkajs has ended itself may still say goodbye; whoever waits for an answer of the others is told. */
  end(): void {
    this.#ended = true;
    for (const socket of this.#open) if (!socket.writableEnded) socket.destroy(new Error(CLOSED));
  }
}

const CLOSED = 'this client is closed';
