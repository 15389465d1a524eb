import type { ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import type { Transform } from 'node:stream';
import { createDeflate, createGzip, deflateSync, gzipSync } from 'node:zlib';
import type { EngineResult } from './engine.js';
import { type ClickHouseException, exception, httpStatus } from './errors.js';
import { contentType } from './formats.js';

export type Encoding = 'gzip' | 'deflate' | null;

/** What every answer says about the server. */
export interface ServerIdentity {
  displayName: string;
  timezone: string;
  version: string;
}

// As the server does: an error within the first megabyte still gets its own status.
const HELD_BYTES_MAX = 1024 * 1024;
const GZIP_LEVEL = 3;
const SYNC_COMPRESSION_BYTES_MAX = 64 * 1024;

/** One answer: held back until it ends or grows large, then streamed. */
export class Reply {
  readonly #response: ServerResponse;
  readonly #identity: ServerIdentity;
  readonly #queryId: string;
  #encoding: Encoding = null;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #tag = '';
  #sink: Transform | ServerResponse | null = null;

  constructor(response: ServerResponse, identity: ServerIdentity, queryId: string) {
    this.#response = response;
    this.#identity = identity;
    this.#queryId = queryId;
  }

  /** Before the first byte. `encoding`: what the client takes. */
  describe(options: { format: string; encoding: Encoding }): void {
    this.#encoding = options.encoding;
    const response = this.#response;
    response.setHeader('Content-Type', contentType(options.format));
    response.setHeader('X-ClickHouse-Format', options.format);
  }

  get streaming(): boolean {
    return this.#sink !== null;
  }

  /** False: wait for `whenWritable` before the next. */
  write(chunk: Buffer): boolean {
    if (this.#sink !== null) return this.#sink.write(chunk);
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    return this.#heldBytes <= HELD_BYTES_MAX ? true : this.#startStreaming();
  }

  whenWritable(then: () => void): void {
    this.#sink?.once('drain', then);
  }

  /** The statement succeeded. */
  end(result: EngineResult): void {
    if (this.#sink !== null) {
      this.#sink.end();
      return;
    }
    const body = this.#heldBytes === 0 ? null : this.#compressed(Buffer.concat(this.#held));
    this.#setCommonHeaders();
    this.#response.setHeader('X-ClickHouse-Summary', summary(result));
    this.#response.statusCode = 200;
    if (body === null) this.#response.end();
    else {
      this.#response.setHeader('Content-Length', body.length);
      this.#response.end(body);
    }
  }

  fail(error: ClickHouseException): void {
    const text = `${error.message} (version ${this.#identity.version})\n`;
    if (this.#sink !== null) {
      this.#failInBody(text);
      return;
    }
    const response = this.#response;
    if (response.headersSent || response.destroyed) return;
    this.#setCommonHeaders();
    response.removeHeader('Content-Encoding');
    response.removeHeader('X-ClickHouse-Format');
    response.setHeader('X-ClickHouse-Exception-Code', String(error.code));
    response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    response.setHeader('Content-Length', Buffer.byteLength(text));
    response.statusCode = httpStatus(error.code);
    response.end(text);
  }

  #startStreaming(): boolean {
    this.#setCommonHeaders();
    this.#tag = randomBytes(8).toString('hex');
    this.#response.setHeader('X-ClickHouse-Exception-Tag', this.#tag);
    this.#response.statusCode = 200;
    if (this.#encoding === null) this.#sink = this.#response;
    else {
      this.#response.setHeader('Content-Encoding', this.#encoding);
      const options = { level: GZIP_LEVEL };
      const transform = this.#encoding === 'gzip' ? createGzip(options) : createDeflate(options);
      transform.pipe(this.#response);
      this.#sink = transform;
    }
    const held = this.#held;
    this.#held = [];
    let writable = true;
    for (const chunk of held) writable = this.#sink.write(chunk);
    return writable;
  }

  /** The status is long gone: the block that clients since 25.11 look for at the end of the body. */
  #failInBody(text: string): void {
    const length = String(Buffer.byteLength(text));
    const marker = '__exception__';
    this.#sink?.end(`\r\n${marker}\r\n${this.#tag}\r\n${text}${length} ${this.#tag}\r\n${marker}\r\n`);
  }

  #setCommonHeaders(): void {
    this.#response.setHeader('X-ClickHouse-Query-Id', this.#queryId);
    this.#response.setHeader('X-ClickHouse-Server-Display-Name', this.#identity.displayName);
    this.#response.setHeader('X-ClickHouse-Timezone', this.#identity.timezone);
  }

  #compressed(body: Buffer): Buffer {
    // A body this short is not worth a turn through the thread pool, where long statements may be sitting.
    if (this.#encoding === null || body.length > SYNC_COMPRESSION_BYTES_MAX) return body;
    this.#response.setHeader('Content-Encoding', this.#encoding);
    return this.#encoding === 'gzip' ? gzipSync(body, { level: GZIP_LEVEL }) : deflateSync(body, { level: GZIP_LEVEL });
  }
}

/** Rows that were read are not known: of a SELECT, the rows of the result stand for them. */
function summary(result: EngineResult): string {
  const readRows = result.writtenRows > 0 ? result.writtenRows : result.resultRows;
  const readBytes = result.writtenRows > 0 ? result.writtenBytes : result.resultBytes;
  return JSON.stringify({
    read_rows: String(readRows),
    read_bytes: String(readBytes),
    written_rows: String(result.writtenRows),
    written_bytes: String(result.writtenBytes),
    total_rows_to_read: '0',
    result_rows: String(result.writtenRows > 0 ? result.writtenRows : result.resultRows),
    result_bytes: String(result.writtenRows > 0 ? result.writtenBytes : result.resultBytes),
    elapsed_ns: String(Math.round(result.elapsedSeconds * 1e9)),
  });
}

/** The server compresses only when the setting asks for it, whatever the client accepts. */
export function chooseEncoding(acceptEncoding: string, enabled: boolean): Encoding {
  if (!enabled) return null;
  const accepted = acceptEncoding.split(',').map((part) => part.trim().split(';')[0]?.toLowerCase() ?? '');
  if (accepted.includes('gzip')) return 'gzip';
  return accepted.includes('deflate') ? 'deflate' : null;
}

export function noNativeCompression(): ClickHouseException {
  return exception(
    48,
    'NOT_IMPLEMENTED',
    'compress=1 is not served here: use enable_http_compression=1 with Accept-Encoding: gzip',
  );
}
