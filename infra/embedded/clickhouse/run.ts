import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { sleep } from '../../../services/shared/clock.js';
import type { InsertData, Spool } from './body.js';
import type { Connection, Engine, EngineResult } from './engine.js';
import { exception, fromEngine } from './errors.js';
import { isPlainName, quoteIdentifier, quoteString, setStatement } from './literals.js';
import type { Pipes } from './pipes.js';
import type { Reply } from './reply.js';
import type { QueryRequest } from './request.js';
import type { InsertStatement, Statement } from './statement.js';

export interface Workshop {
  engine: Engine;
  pipes: Pipes;
  spool: Spool;
}

/** One statement on its way: its text is a byte string. */
export interface Job {
  text: string;
  request: QueryRequest;
  connection: Connection;
  reply: Reply;
  /** Unique to this run; the engine shows it in system.processes, which is how a statement is found to be stopped. */
  tag: string;
  /** The client went away. */
  signal: AbortSignal;
}

const KILL_EVERY_MS = 100;
const QUERY_SIZE_DEFAULT = '262144';
/** Shorter parameters are below every size that a statement may have. */
const SIZE_COUNTS = 100_000;

/** Statements that go before: database, settings, parameters. On a connection of its own, so nothing of it outlives the request. */
function preamble(request: QueryRequest, tag: string | null): string {
  const settings = new Map(request.settings);
  const readonly = settings.get('readonly');
  settings.delete('readonly');
  if (tag !== null) settings.set('log_comment', `${tag} ${settings.get('log_comment') ?? ''}`.trim());
  const sizeMax = settings.get('max_query_size') ?? QUERY_SIZE_DEFAULT;
  settings.delete('max_query_size');
  const use = request.database === null ? '' : `USE ${quoteIdentifier(request.database)};`;
  // Last, because after it nothing else can be set.
  const last = readonly === undefined ? '' : setStatement([['readonly', readonly]]);
  return use + setStatement(settings) + parameters(request, sizeMax) + last;
}

/** A server has parameters beside the statement and does not count them into its size; here they are statements, too. */
function parameters(request: QueryRequest, sizeMax: string): string {
  const each = [...request.parameters].map(([name, value]) => setStatement([[`param_${name}`, value]])).join('');
  const limit = setStatement([['max_query_size', sizeMax]]);
  if (each.length < SIZE_COUNTS) return each + (sizeMax === QUERY_SIZE_DEFAULT ? '' : limit);
  return setStatement([['max_query_size', '0']]) + each + limit;
}

/** SELECT and its like: rows flow to the client while the engine makes them. */
export async function runRead(shop: Workshop, job: Job, statement: Statement & { kind: 'read' }): Promise<void> {
  const pipe = job.request.waitEndOfQuery ? null : shop.pipes.open();
  if (pipe === null) {
    await runReadToFile(shop, job, statement);
    return;
  }
  const { reply, signal } = job;
  pipe.socket.on('data', (chunk: Buffer) => {
    if (signal.aborted || reply.write(chunk)) return;
    pipe.socket.pause();
    reply.whenWritable(() => pipe.socket.resume());
  });
  // A paused pipe would hold the engine, and with it the KILL.
  signal.addEventListener('abort', () => pipe.socket.resume(), { once: true });
  let result: EngineResult;
  try {
    result = await stoppable(shop, job, sendInto(job, statement, pipe.path));
  } finally {
    const rest = pipe.finish();
    if (!signal.aborted) for (const chunk of rest) reply.write(chunk);
  }
  reply.end(result);
}

/** `wait_end_of_query=1`: nothing is sent before the statement has ended well. */
async function runReadToFile(shop: Workshop, job: Job, statement: Statement & { kind: 'read' }): Promise<void> {
  const path = shop.spool.newFile();
  try {
    const result = await stoppable(shop, job, sendInto(job, statement, path));
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      if (job.signal.aborted) return;
      if (!job.reply.write(chunk)) {
        await new Promise<void>((resolve) => {
          job.reply.whenWritable(resolve);
          job.signal.addEventListener(
            'abort',
            () => {
              resolve();
            },
            { once: true },
          );
        });
      }
    }
    job.reply.end(result);
  } finally {
    shop.spool.remove(path);
  }
}

async function sendInto(job: Job, statement: Statement & { kind: 'read' }, path: string): Promise<EngineResult> {
  const { text, request, connection } = job;
  const into = ` INTO OUTFILE ${quoteString(toBytes(path))} TRUNCATE `;
  const format = statement.format === null ? `FORMAT ${formatName(request.defaultFormat)}` : '';
  const clauses = text.slice(statement.outfileAt, statement.end);
  const sql = text.slice(statement.begin, statement.outfileAt) + into + format + clauses;
  try {
    return await runText(connection, preamble(request, job.tag), sql, null);
  } catch (error) {
    // A syntax error quotes the statement, and this clause is not the client's.
    if (error instanceof Error) error.message = error.message.replaceAll(fromBytes(into + format), ' ');
    throw error;
  }
}

/** Spliced into text, so it may only be a word. */
function formatName(name: string | null): string {
  if (name === null) return 'TabSeparated';
  if (!isPlainName(name)) throw exception(73, 'UNKNOWN_FORMAT', `Unknown format ${name}`);
  return name;
}

/** Everything else without data; what it returns is short. */
export async function runCommand(job: Job, statement: Statement & { kind: 'command' }): Promise<void> {
  const before = preamble(job.request, job.tag);
  const sql = job.text.slice(statement.begin, statement.end);
  const result =
    statement.word === 'INSERT'
      ? await job.connection.execute('', Buffer.from(before + sql, 'latin1'))
      : await runText(job.connection, before, sql, job.request.defaultFormat);
  if (result.bytes.length > 0) job.reply.write(result.bytes);
  job.reply.end(result);
}

export async function runInsert(shop: Workshop, job: Job, statement: InsertStatement, data: InsertData): Promise<void> {
  const before = preamble(job.request, null);
  const head = job.text.slice(statement.begin, statement.formatEnd);
  if (data.kind === 'memory' && statement.input === null && fitsInline(statement.format, data.bytes)) {
    // The binding puts a line feed between the two, which is where the engine looks for the data.
    const prefix = before + head;
    const result = isUtf8(Buffer.from(prefix, 'latin1'))
      ? await job.connection.execute(fromBytes(prefix), data.bytes)
      : await job.connection.execute('', Buffer.concat([Buffer.from(`${prefix}\n`, 'latin1'), data.bytes]));
    job.reply.end(result);
    return;
  }
  const file = data.kind === 'file' ? data : { path: shop.spool.file(data.bytes), compression: null };
  try {
    const sql = insertFromFile(job.text, statement, file);
    job.reply.end(await job.connection.execute('', Buffer.from(before + sql, 'latin1')));
  } finally {
    shop.spool.remove(file.path);
  }
}

/** The engine takes an empty line for the end of inline data, and reads on in VALUES as if more statements could follow. */
function fitsInline(format: string, bytes: Buffer): boolean {
  return bytes.length > 0 && format !== 'Values' && !bytes.includes('\n\n');
}

function insertFromFile(
  text: string,
  statement: InsertStatement,
  file: { path: string; compression: string | null },
): string {
  const path = quoteString(toBytes(file.path));
  if (statement.input !== null) {
    const compression = file.compression === null ? '' : `, ${quoteString(file.compression)}`;
    const structureEnd = closingBracket(text, statement.input.argumentsAt);
    const structure = text.slice(statement.input.argumentsAt, structureEnd);
    const format = quoteString(statement.format);
    return `${text.slice(statement.begin, statement.input.begin)} file(${path}, ${format}, ${structure}${compression}${text.slice(structureEnd, statement.formatAt)}`;
  }
  const compression = file.compression === null ? '' : ` COMPRESSION ${quoteString(file.compression)}`;
  const clauses = text.slice(statement.infileAt, statement.formatAt);
  return `${text.slice(statement.begin, statement.infileAt)} FROM INFILE ${path}${compression} ${clauses} FORMAT ${statement.format}`;
}

/** A structure is one string, so the next bracket outside quotes closes it. */
function closingBracket(text: string, from: number): number {
  let quoted = false;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\' && quoted) at++;
    else if (text[at] === "'") quoted = !quoted;
    else if (text[at] === ')' && !quoted) return at;
  }
  return text.length;
}

async function runText(
  connection: Connection,
  before: string,
  sql: string,
  format: string | null,
): Promise<EngineResult> {
  const bytes = Buffer.from(before + sql, 'latin1');
  // Text in another encoding cannot pass through a JavaScript string.
  return isUtf8(bytes)
    ? connection.query(bytes.toString('utf8'), format ?? 'TabSeparated')
    : connection.execute('', bytes);
}

/** Runs it, and stops it when the client goes away. The promise settles when the engine is really done. */
async function stoppable(shop: Workshop, job: Job, running: Promise<EngineResult>): Promise<EngineResult> {
  let settled = false;
  let killing: Promise<void> | null = null;
  const stop = (): void => {
    killing ??= killUntil(shop.engine, job.tag, () => settled);
  };
  if (job.signal.aborted) stop();
  else job.signal.addEventListener('abort', stop, { once: true });
  try {
    return await running;
  } catch (error) {
    throw fromEngine(error);
  } finally {
    settled = true;
    job.signal.removeEventListener('abort', stop);
    // Its connection must be closed before the engine may be.
    await (killing as Promise<void> | null);
  }
}

/** Repeated, since the statement may not have started when we first look. */
async function killUntil(engine: Engine, tag: string, settled: () => boolean): Promise<void> {
  const connection = engine.connect();
  try {
    while (!settled()) {
      await connection
        .query(`KILL QUERY WHERE startsWith(Settings['log_comment'], ${quoteString(tag)}) ASYNC`)
        .catch(() => undefined);
      await sleep(KILL_EVERY_MS);
    }
  } finally {
    connection.close();
  }
}

function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function fromBytes(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}
