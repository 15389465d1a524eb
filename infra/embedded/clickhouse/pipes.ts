import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';

const DRAIN_BYTES = 64 * 1024;

/**
 * Named pipes through which the engine hands over results as it makes them (`INTO OUTFILE 'pipe'`): any format, bounded memory,
 * and a slow reader slows the engine down.
 */
export class Pipes {
  readonly #free: string[];

  constructor(folder: string, count: number) {
    this.#free = Array.from({ length: count }, (_, index) => join(folder, `pipe-${String(index)}`));
    execFileSync('mkfifo', ['-m', '600', ...this.#free]);
  }

  /** There are as many pipes as statements that may run at once. */
  open(): ResultPipe {
    const path = this.#free.pop();
    if (path === undefined) throw new Error('no pipe is free: more statements run than were allowed for');
    return new ResultPipe(path, () => this.#free.push(path));
  }
}

export class ResultPipe {
  readonly path: string;
  readonly socket: Socket;
  /** Everything was read, or we stopped reading. */
  readonly closed: Promise<void>;
  readonly #fd: number;
  #release: (() => void) | null;
  #keeper: number | null;

  constructor(path: string, release: () => void) {
    this.path = path;
    this.#release = release;
    // Read and write at once: while this is open, the engine's open() never waits for a reader and we never see an early end.
    this.#keeper = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.socket = new Socket({ fd: this.#fd, readable: true, writable: false });
    // 'close' follows.
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.once('close', () => {
        this.finish();
        this.#giveBack();
        resolve();
      });
    });
  }

  /** The engine has written its last byte: what is in the pipe is followed by the end. */
  finish(): void {
    if (this.#keeper === null) return;
    closeSync(this.#keeper);
    this.#keeper = null;
  }

  /** After finish(): what is left, at once. It is at most what a pipe holds, and saves a short query a turn of the event loop. */
  drain(): Buffer[] {
    const chunks: Buffer[] = [];
    for (;;) {
      const chunk = Buffer.allocUnsafe(DRAIN_BYTES);
      const length = readSync(this.#fd, chunk);
      if (length === 0) break;
      chunks.push(chunk.subarray(0, length));
    }
    this.socket.destroy();
    // Nobody reads here any more, so the name may be used again before the descriptor is really closed.
    this.#giveBack();
    return chunks;
  }

  #giveBack(): void {
    this.#release?.();
    this.#release = null;
  }
}
