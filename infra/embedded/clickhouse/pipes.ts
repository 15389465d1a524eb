import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';

const DRAIN_BYTES = 64 * 1024;
const PROBE_EVERY_MS = 20;

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

  /** Null: none is free. */
  open(): ResultPipe | null {
    const path = this.#free.pop();
    return path === undefined ? null : new ResultPipe(path, () => this.#free.push(path));
  }
}

/** One result on its way. Whoever opened it calls finish() when the engine is done, well or not. */
export class ResultPipe {
  readonly path: string;
  readonly socket: Socket;
  readonly #fd: number;
  readonly #keeper: number;
  readonly #giveBack: () => void;

  constructor(path: string, giveBack: () => void) {
    this.path = path;
    this.#giveBack = giveBack;
    // Read and write at once: while this is open, the engine's open() never waits for a reader and we never see an early end.
    this.#keeper = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.socket = new Socket({ fd: this.#fd, readable: true, writable: false });
    // The engine's own error tells more.
    this.socket.on('error', () => undefined);
  }

  /**
   * The engine has written its last byte: gives what nobody read yet, at once and in order, and ends the reading. It is little:
   * what the socket held while it was paused, and what a pipe holds.
   */
  finish(): Buffer[] {
    const { socket } = this;
    socket.removeAllListeners('data');
    const chunks: Buffer[] = [];
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
      chunks.push(chunk);
    }
    if (!socket.destroyed) readAvailable(this.#fd, chunks);
    socket.destroy();
    const probe = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    closeSync(this.#keeper);
    this.#retire(probe);
    return chunks;
  }

  /** After an error the engine may hold its end a little longer: a pipe with a writer would leak into the next result. */
  #retire(probe: number): void {
    if (readAvailable(probe, []) === 'end') {
      closeSync(probe);
      this.#giveBack();
    } else {
      setTimeout(() => {
        this.#retire(probe);
      }, PROBE_EVERY_MS).unref();
    }
  }
}

/** 'end': nobody has it open for writing any more. */
function readAvailable(fd: number, chunks: Buffer[]): 'end' | 'open' {
  for (;;) {
    const chunk = Buffer.allocUnsafe(DRAIN_BYTES);
    try {
      const length = readSync(fd, chunk);
      if (length === 0) return 'end';
      chunks.push(chunk.subarray(0, length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 'open';
      throw error;
    }
  }
}
