import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { sleep } from '../../services/shared/clock.js';

/** Requests of Kafka's protocol, by their numbers. */
export const API = {
  produce: 0,
  fetch: 1,
  ends: 2,
  metadata: 3,
  commit: 8,
  committed: 9,
  coordinator: 10,
  join: 11,
  heartbeat: 12,
  sync: 14,
} as const;

export interface BrokerRequest {
  readonly api: number;
  /** All of it; names are in it as they are. */
  readonly bytes: Buffer;
}

export interface BrokerFault {
  /** The broker never hears of the request. */
  readonly isLost?: true;
  /** What becomes of the answer; null: the connection ends instead. */
  readonly answer?: (
    answer: Buffer,
    request: BrokerRequest,
  ) => Promise<{ readonly bytes: Buffer; readonly ends: boolean }>;
}

const SLOW_MS = 1_200;
const STORAGE_ERROR = 56;
const nothing = { bytes: Buffer.alloc(0), ends: true };

export const BROKER_FAULTS = {
  'hangs up, nothing saved': { isLost: true },
  'hangs up after it had saved': { answer: () => Promise.resolve(nothing) },
  'is slow': {
    answer: async (bytes) => {
      await sleep(SLOW_MS);
      return { bytes, ends: false };
    },
  },
  'hangs up in the middle of its answer': {
    answer: (bytes) => Promise.resolve({ bytes: bytes.subarray(0, bytes.length >> 1), ends: true }),
  },
  'says that its disk has failed': {
    answer: (bytes, { api }) => Promise.resolve({ bytes: withError(bytes, api, STORAGE_ERROR), ends: false }),
  },
} as const satisfies Record<string, BrokerFault>;

/** Where the list of topics begins in an answer, in the versions that kafkajs speaks: 7, 11 and 5. */
const TOPICS_AT = new Map<number, number>([
  [API.produce, 8],
  [API.fetch, 18],
  [API.commit, 12],
]);

/** | count | name | count | partition, 4 | error, 2 | ...: the error of the first partition of the first topic. */
function withError(answer: Buffer, api: number, code: number): Buffer {
  const at = TOPICS_AT.get(api);
  if (at === undefined || answer.readInt32BE(at) < 1) return answer;
  const changed = Buffer.from(answer);
  changed.writeInt16BE(code, at + 4 + 2 + answer.readInt16BE(at + 4) + 4 + 4);
  return changed;
}

interface Ordered {
  readonly fault: BrokerFault;
  readonly hits: (request: BrokerRequest) => boolean;
  left: number;
}

/**
 * Stands before a broker and does wrong what it is told to. The broker names itself to its clients: the proxy puts its own port
 * there, so that they stay.
 */
export class BrokerProxy {
  readonly #sockets = new Set<Socket>();
  #ordered: Ordered | null = null;
  hits = 0;

  private constructor(
    private readonly target: { readonly host: string; readonly port: number },
    private readonly server: Server,
  ) {}

  static async to(broker: string): Promise<BrokerProxy> {
    const { hostname, port } = new URL(`kafka://${broker}`);
    const server = createServer();
    const proxy = new BrokerProxy({ host: hostname, port: Number(port) }, server);
    server.on('connection', (near) => {
      proxy.#serve(near);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Connections of clients that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  break(fault: BrokerFault, times: number, hits: (request: BrokerRequest) => boolean): void {
    this.hits = 0;
    this.#ordered = { fault, hits, left: times };
  }

  mend(): void {
    this.#ordered = null;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close').catch(() => undefined);
  }

  get #port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  #serve(near: Socket): void {
    const far = connect(this.target);
    const [asked, answered] = [new Frames(), new Frames()];
    const open = new Map<number, { readonly request: BrokerRequest; readonly fault: BrokerFault | null }>();
    const end = (): void => {
      near.destroy();
      far.destroy();
      this.#sockets.delete(near);
    };
    this.#sockets.add(near);
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.on('data', (chunk) => {
      for (const bytes of asked.add(chunk)) {
        const request = { api: bytes.readInt16BE(4), bytes };
        const fault = this.#faultOf(request);
        if (fault?.isLost === true) {
          end();
          return;
        }
        open.set(bytes.readInt32BE(8), { request, fault });
        far.write(bytes);
      }
    });
    // Answers keep their order.
    let before: Promise<void> = Promise.resolve();
    const give = async (answer: Buffer): Promise<void> => {
      const { request, fault } = open.get(answer.readInt32BE(4)) ?? { request: null, fault: null };
      open.delete(answer.readInt32BE(4));
      const named = this.#renamed(answer, request);
      const given = request === null ? undefined : await fault?.answer?.(named, request);
      near.write(given?.bytes ?? named);
      if (given?.ends === true) near.end(end);
    };
    far.on('data', (chunk) => {
      for (const answer of answered.add(chunk)) before = before.then(() => give(answer)).catch(end);
    });
  }

  #faultOf(request: BrokerRequest): BrokerFault | null {
    const ordered = this.#ordered;
    if (ordered === null || ordered.left <= 0 || !ordered.hits(request)) return null;
    ordered.left -= 1;
    this.hits += 1;
    return ordered.fault;
  }

  /** | length, 2 | host | port, 4 |, with our port. */
  #renamed(answer: Buffer, request: BrokerRequest | null): Buffer {
    if (request?.api !== API.metadata && request?.api !== API.coordinator) return answer;
    const changed = Buffer.from(answer);
    for (const host of ['127.0.0.1', 'localhost', this.target.host]) {
      const name = Buffer.alloc(2 + host.length + 4);
      name.writeInt16BE(host.length, 0);
      name.write(host, 2, 'latin1');
      name.writeInt32BE(this.target.port, 2 + host.length);
      for (let at = changed.indexOf(name); at >= 0; at = changed.indexOf(name, at + 1)) {
        changed.writeInt32BE(this.#port, at + name.length - 4);
      }
    }
    return changed;
  }
}

/** Bytes of a connection as what they say: each frame begins with its length. */
class Frames {
  #rest: Buffer = Buffer.alloc(0);

  add(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Buffer[] = [];
    while (this.#rest.length >= 4 && this.#rest.length >= 4 + this.#rest.readInt32BE(0)) {
      const length = 4 + this.#rest.readInt32BE(0);
      frames.push(this.#rest.subarray(0, length));
      this.#rest = this.#rest.subarray(length);
    }
    return frames;
  }
}
