import { createReadStream, createWriteStream, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { brotliDecompress, createBrotliDecompress, createGunzip, createInflate, gunzip, inflate } from 'node:zlib';
import { ClickHouseException, exception } from './errors.js';

/** What INSERT is to store: in memory when it is short, else in a file that the engine reads itself. */
export type InsertData =
  | { kind: 'memory'; bytes: Buffer }
  /** `compression`: the engine's name for it, when the file holds the body as it came. */
  | { kind: 'file'; path: string; compression: string | null };

// Up to here a body stays in memory, where a small insert is half a millisecond faster.
const MEMORY_BYTES_MAX = 1024 * 1024;
const INFLATED_BYTES_MAX = 16 * MEMORY_BYTES_MAX;

const DECODERS = {
  gzip: { whole: promisify(gunzip), stream: createGunzip },
  deflate: { whole: promisify(inflate), stream: createInflate },
  br: { whole: promisify(brotliDecompress), stream: createBrotliDecompress },
};
const ENGINE_ONLY = ['zstd', 'lz4', 'xz', 'bz2', 'snappy'];

/** The body of a request, read once, in pieces. */
export class Body {
  readonly #chunks: AsyncIterator<Buffer>;
  #ended = false;

  constructor(stream: Readable) {
    this.#chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** Whether all of it was taken. */
  hasEnded(): boolean {
    return this.#ended;
  }

  /** Reads until there is more than `bytesMax`, or the end. */
  async take(bytesMax: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    while (length <= bytesMax && !this.#ended) {
      const next = await this.#chunks.next();
      if (next.done === true) this.#ended = true;
      else {
        chunks.push(next.value);
        length += next.value.length;
      }
    }
    return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  }

  async *rest(): AsyncGenerator<Buffer> {
    while (!this.#ended) {
      const next = await this.#chunks.next();
      if (next.done === true) this.#ended = true;
      else yield next.value;
    }
  }
}

export function checkEncoding(encoding: string): void {
  if (encoding === '' || encoding === 'identity' || encoding in DECODERS || ENGINE_ONLY.includes(encoding)) return;
  throw exception(48, 'NOT_IMPLEMENTED', `Unknown or unsupported Content-Encoding '${encoding}'`);
}

/** Files for what does not fit into memory; the folder is emptied at each start. */
export class Spool {
  readonly #folder: string;
  readonly #bytesMax: number;
  #next = 0;

  constructor(folder: string, options: { bytesMax: number }) {
    this.#folder = folder;
    this.#bytesMax = options.bytesMax;
  }

  newFile(): string {
    this.#next++;
    return join(this.#folder, `body-${String(this.#next)}`);
  }

  remove(path: string): void {
    try {
      unlinkSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** A body that is data from its first byte. */
  async data(body: Body, encoding: string): Promise<InsertData> {
    const head = await body.take(MEMORY_BYTES_MAX);
    const compression = encoding === '' || encoding === 'identity' ? null : encoding;
    if (!body.hasEnded()) return { kind: 'file', path: await this.#store(head, body), compression };
    if (compression === null) return { kind: 'memory', bytes: head };
    const decoder = compression in DECODERS ? DECODERS[compression as keyof typeof DECODERS] : null;
    if (decoder !== null) {
      try {
        return { kind: 'memory', bytes: await decoder.whole(head, { maxOutputLength: INFLATED_BYTES_MAX }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw badBody(error);
      }
    }
    return { kind: 'file', path: this.file(head), compression };
  }

  /** Data whose beginning was read already, together with the statement. */
  async continued(head: Buffer, body: Body): Promise<InsertData> {
    if (body.hasEnded() && head.length <= INFLATED_BYTES_MAX) return { kind: 'memory', bytes: head };
    return { kind: 'file', path: await this.#store(head, body), compression: null };
  }

  /** Writes bytes that are in memory already. */
  file(bytes: Buffer): string {
    const path = this.newFile();
    try {
      writeFileSync(path, bytes);
    } catch (error) {
      this.remove(path);
      throw storeFailure(error);
    }
    return path;
  }

  /** The whole body as it came, for the engine to unpack. */
  async raw(body: Body): Promise<string> {
    return this.#store(Buffer.alloc(0), body);
  }

  /** Reads a file for the last time: its name is gone at once. */
  consume(path: string): Body {
    const fd = openSync(path, 'r');
    this.remove(path);
    return new Body(createReadStream('', { fd }));
  }

  async #store(head: Buffer, body: Body): Promise<string> {
    const path = this.newFile();
    const bytesMax = this.#bytesMax;
    async function* limited(): AsyncGenerator<Buffer> {
      let length = head.length;
      if (head.length > 0) yield head;
      for await (const chunk of body.rest()) {
        length += chunk.length;
        if (length > bytesMax) {
          throw exception(229, 'QUERY_IS_TOO_LARGE', `The body is larger than the limit of ${String(bytesMax)} bytes`);
        }
        yield chunk;
      }
    }
    try {
      await pipeline(Readable.from(limited()), createWriteStream(path, { highWaterMark: MEMORY_BYTES_MAX }));
    } catch (error) {
      this.remove(path);
      throw storeFailure(error);
    }
    return path;
  }
}

/** The body unpacked as it comes; null when only the engine can unpack it. */
export function decoded(stream: Readable, encoding: string): Body | null {
  if (encoding === '' || encoding === 'identity') return new Body(stream);
  if (!(encoding in DECODERS)) return null;
  const decoder = DECODERS[encoding as keyof typeof DECODERS].stream();
  stream.once('error', (error) => decoder.destroy(error));
  decoder.once('error', () => stream.resume());
  return new Body(stream.pipe(decoder));
}

export function badBody(error: unknown): ClickHouseException {
  if (error instanceof ClickHouseException) return error;
  const text = error instanceof Error ? error.message : String(error);
  return exception(354, 'ZLIB_INFLATE_FAILED', `The body cannot be unpacked: ${text}`);
}

function storeFailure(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') return error;
  return exception(243, 'NOT_ENOUGH_SPACE', 'The disk is full: the data was not stored');
}
