import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sleep } from '../../../services/shared/clock.js';
import { badBody, Body, checkEncoding, decoded, type InsertData, type Spool } from './body.js';
import type { Connection, Engine } from './engine.js';
import { exception, fromEngine } from './errors.js';
import type { Gate } from './gate.js';
import { quoteString } from './literals.js';
import { readMultipart } from './multipart.js';
import type { NamedSessions, SessionInUse } from './named-sessions.js';
import type { Pipes } from './pipes.js';
import { chooseEncoding, noNativeCompression, Reply, type ServerIdentity } from './reply.js';
import { applyField, isTrue, parseRequest, type QueryRequest } from './request.js';
import { type Job, runCommand, runInsert, runRead } from './run.js';
import { readStatement, type Statement } from './statement.js';

export interface HandlerParts {
  engine: Engine;
  named: NamedSessions;
  pipes: Pipes;
  spool: Spool;
  reads: Gate;
  inserts: Gate;
  identity: ServerIdentity;
}

/** A statement, and the data that came with it. */
interface Work {
  text: string;
  statement: Statement;
  data: InsertData | null;
}

// Long enough for any INSERT's head; the rest of the body is data then.
const HEAD_BYTES = 256 * 1024;
const STATEMENT_BYTES_MAX = 64 * 1024 * 1024;
// For encodings that only the engine unpacks, in memory, when the statement is in the body too.
const ENGINE_UNPACKED_BYTES_MAX = 256 * 1024 * 1024;
// Statements beside SELECT that change no data.
const HARMLESS = new Set(['SET', 'USE', 'SHOW', 'DESCRIBE', 'DESC', 'EXPLAIN', 'EXISTS', 'CHECK']);
const DRAIN_POLL_MS = 20;

/** Requests of ClickHouse's HTTP interface. */
export class Handler {
  readonly #parts: HandlerParts;
  readonly #running = new Set<AbortController>();

  constructor(parts: HandlerParts) {
    this.#parts = parts;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const isQuery = path === '/' && (request.method === 'POST' || (request.url ?? '').includes('?'));
    if (!isQuery) {
      answerPlain(path, request, response);
      return;
    }
    const controller = new AbortController();
    this.#running.add(controller);
    response.once('close', () => {
      if (!response.writableFinished) controller.abort();
    });
    const queryId = randomUUID();
    let reply = new Reply(response, this.#parts.identity, queryId);
    try {
      const query = parseRequest(request.method ?? 'GET', request.url ?? '/', request.headers);
      reply = new Reply(response, this.#parts.identity, headerSafe(query.queryId) ?? queryId);
      if (query.nativeCompression) throw noNativeCompression();
      checkEncoding(query.contentEncoding);
      await this.#run(request, query, reply, controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) reply.fail(fromEngine(error));
      // What the client still sends of a refused body must be read, or it never gets to read our answer.
      request.resume();
    } finally {
      this.#running.delete(controller);
    }
  }

  /** Waits for running requests; after `limitMs`, reads are stopped, and inserts still waited for. */
  async drain(limitMs: number): Promise<void> {
    for (let waited = 0; this.#running.size > 0; waited += DRAIN_POLL_MS) {
      if (waited >= limitMs) for (const controller of this.#running) controller.abort();
      await sleep(DRAIN_POLL_MS);
    }
  }

  async #run(request: IncomingMessage, query: QueryRequest, reply: Reply, signal: AbortSignal): Promise<void> {
    const work = await this.#read(request, query);
    try {
      if (work.statement.kind === 'refused') throw work.statement.error;
      checkReadonly(query, work.statement);
      const gate = work.data === null ? this.#parts.reads : this.#parts.inserts;
      const leave = await gate.enter(signal);
      try {
        if (!signal.aborted) await this.#runOnConnection(work, query, reply, signal);
      } finally {
        leave();
      }
    } finally {
      if (work.data?.kind === 'file') this.#parts.spool.remove(work.data.path);
    }
  }

  async #runOnConnection(work: Work, query: QueryRequest, reply: Reply, signal: AbortSignal): Promise<void> {
    const { engine, named } = this.#parts;
    const held = query.session === null ? ownConnection(engine) : named.use(query.session);
    try {
      const isSet = work.statement.kind === 'command' && work.statement.word === 'SET';
      const settings = await held.settingsFor(query.settings, isSet);
      await this.#runPrepared(work, { ...query, settings }, held.connection, reply, signal);
    } finally {
      held.release();
    }
  }

  async #runPrepared(
    work: Work,
    query: QueryRequest,
    connection: Connection,
    reply: Reply,
    signal: AbortSignal,
  ): Promise<void> {
    const { engine, pipes, spool } = this.#parts;
    const { text, statement, data } = work;
    const format = ('format' in statement ? statement.format : null) ?? query.defaultFormat ?? 'TabSeparated';
    const compress = isTrue(query.settings.get('enable_http_compression') ?? '');
    reply.describe({
      format: statement.kind === 'insert' ? 'TabSeparated' : format,
      encoding: chooseEncoding(query.acceptEncoding, compress),
    });
    const job: Job = { text, request: query, connection, reply, tag: randomUUID(), signal };
    if (statement.kind === 'read') await runRead({ engine, pipes, spool }, job, statement);
    else if (statement.kind === 'command') await runCommand(job, statement);
    else if (statement.kind === 'insert' && data !== null)
      await runInsert({ engine, pipes, spool }, job, statement, data);
  }

  /** Finds the statement in URL and body; spools what is data. */
  async #read(request: IncomingMessage, query: QueryRequest): Promise<Work> {
    if (query.multipartBoundary !== null) return this.#readForm(request, query, query.multipartBoundary);
    if (query.statement.trim() !== '') return this.#readWithUrl(request, query);
    const body =
      decoded(request, query.contentEncoding) ?? (await this.#unpackByEngine(request, query.contentEncoding));
    try {
      let head = await body.take(HEAD_BYTES);
      let text = head.toString('latin1');
      let statement = readStatement(text);
      if (statement.kind !== 'insert' && !body.hasEnded()) {
        head = Buffer.concat([head, await body.take(STATEMENT_BYTES_MAX)]);
        if (!body.hasEnded()) throw exception(229, 'QUERY_IS_TOO_LARGE', 'The statement is larger than 64 MiB');
        text = head.toString('latin1');
        statement = readStatement(text);
      }
      if (statement.kind !== 'insert') return { text, statement, data: null };
      const data = await this.#parts.spool.continued(head.subarray(statement.dataAt), body);
      return { text: text.slice(0, statement.dataAt), statement, data };
    } catch (error) {
      if (query.contentEncoding !== '' && !request.destroyed) throw badBody(error);
      throw error;
    }
  }

  async #readWithUrl(request: IncomingMessage, query: QueryRequest): Promise<Work> {
    const statement = readStatement(query.statement);
    if (statement.kind === 'insert') {
      const inUrl = query.statement.slice(statement.dataAt);
      const data = await this.#parts.spool.data(new Body(request), query.contentEncoding);
      if (inUrl.trim() === '') return { text: query.statement, statement, data };
      if (data.kind === 'file') {
        this.#parts.spool.remove(data.path);
        throw exception(48, 'NOT_IMPLEMENTED', 'Data partly in the URL and partly in a large body is not served here');
      }
      const bytes = Buffer.concat([
        Buffer.from(inUrl, 'latin1'),
        Buffer.from(data.bytes.length > 0 ? '\n' : ''),
        data.bytes,
      ]);
      return { text: query.statement, statement, data: { kind: 'memory', bytes } };
    }
    const body = decoded(request, query.contentEncoding) ?? new Body(request);
    const rest = await body.take(STATEMENT_BYTES_MAX);
    if (!body.hasEnded()) throw exception(229, 'QUERY_IS_TOO_LARGE', 'The statement is larger than 64 MiB');
    if (rest.length === 0) return { text: query.statement, statement, data: null };
    return this.#splitText(`${query.statement}\n${rest.toString('latin1')}`);
  }

  async #readForm(request: IncomingMessage, query: QueryRequest, boundary: string): Promise<Work> {
    const body = await new Body(request).take(STATEMENT_BYTES_MAX);
    for (const part of readMultipart(body.toString('latin1'), boundary)) {
      if (part.isFile) throw exception(48, 'NOT_IMPLEMENTED', 'External tables (files in a form) are not served here');
      applyField(query, part.name, part.value);
    }
    return this.#splitText(query.statement);
  }

  #splitText(text: string): Work {
    const statement = readStatement(text);
    if (statement.kind !== 'insert') return { text, statement, data: null };
    const bytes = Buffer.from(text.slice(statement.dataAt), 'latin1');
    return { text: text.slice(0, statement.dataAt), statement, data: { kind: 'memory', bytes } };
  }

  /** zstd, lz4 and the like, with the statement inside: the engine unpacks them into a file. */
  async #unpackByEngine(request: IncomingMessage, encoding: string): Promise<Body> {
    const { engine, spool } = this.#parts;
    const packed = await spool.raw(new Body(request));
    const plain = spool.newFile();
    const connection = engine.connect();
    try {
      await connection.query(
        `SELECT raw FROM file(${quoteString(packed)}, 'RawBLOB', 'raw String', ${quoteString(encoding)}) ` +
          `INTO OUTFILE ${quoteString(plain)} TRUNCATE FORMAT RawBLOB SETTINGS max_memory_usage = ${String(4 * ENGINE_UNPACKED_BYTES_MAX)}`,
      );
      return spool.consume(plain);
    } catch (error) {
      spool.remove(plain);
      throw error;
    } finally {
      connection.close();
      spool.remove(packed);
    }
  }
}

/** A connection for one request: nothing has to be put back. */
function ownConnection(engine: Engine): SessionInUse {
  const connection = engine.connect();
  return {
    connection,
    settingsFor: (requested) => Promise.resolve(new Map(requested)),
    release: () => {
      connection.close();
    },
  };
}

/** As on a server: GET only reads. */
function checkReadonly(query: QueryRequest, statement: Statement): void {
  const readonly = query.settings.get('readonly') ?? '0';
  if ((query.method === 'POST' && readonly === '0') || statement.kind === 'read') return;
  if (statement.kind === 'command' && HARMLESS.has(statement.word)) return;
  throw exception(
    164,
    'READONLY',
    'Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries.',
  );
}

/** A header cannot carry line feeds or foreign letters. */
function headerSafe(text: string | null): string | null {
  return text !== null && /^[\x20-\x7e]+$/.test(text) ? text : null;
}

function answerPlain(path: string, request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  if (path === '/' || path === '/ping' || path === '/replicas_status') {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=UTF-8', 'Content-Length': 4 });
    response.end(request.method === 'HEAD' ? undefined : 'Ok.\n');
    return;
  }
  const text = `There is no handle ${path}\n\nUse / or /ping for health checks.\nOr POST a statement to /.\n`;
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=UTF-8', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
