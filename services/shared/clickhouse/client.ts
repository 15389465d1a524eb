import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { ClickHouseError, createClient, parseError } from '@clickhouse/client';

import type { ClickHouseConfig } from '../config.js';
import { BacktrailError, type ErrorCode } from '../errors.js';
import { questionSettings, withLimitsNamed } from './question-limits.js';

/** Values of `{name:Type}` in a statement. Bound by the server: text is never put together from values. */
export type Params = Readonly<Record<string, string | number | boolean | readonly string[] | readonly number[]>>;

/** How the bytes of rows are to be read; `columns` is null where each row names its own. */
interface Encoding {
  readonly format: 'Native' | 'JSONEachRow';
  readonly columns: readonly string[] | null;
}

/** ClickHouse as the project uses it. Throws BacktrailError only. */
export interface ClickHouse {
  readonly database: string;
  /**
   * Rows as JSON has them: 64-bit and larger integers and decimals are strings. Parameters travel in the URL, and in the body
   * when they are too long for it; of one parameter servers take up to 128 KiB (see conditions.ts).
   */
  select<T>(sql: string, params?: Params): Promise<T[]>;
  /** The rows in the Native format, as bytes. */
  selectNative(sql: string, params?: Params): Promise<Buffer>;
  /** Resolves once the rows are durable. Rows are objects by column; DateTime64 are numbers of their own unit. */
  insert(table: string, rows: readonly object[]): Promise<void>;
  /** As `insert`, of blocks that are in a format of ClickHouse already. */
  insertBytes(table: string, encoding: Encoding, blocks: readonly Buffer[]): Promise<void>;
  command(sql: string, params?: Params): Promise<void>;
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 120_000;
const SERVER_GIVES_UP_MS = 5_000;
const CONNECTIONS_MAX = 8;
// Below the keep-alive of servers and proxies, so that a socket is not closed while a request is on its way.
const IDLE_SOCKET_MS = 2_500;

// Sent with each request, never as a property of a session that others share.
const SETTINGS = {
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_decimals: 1,
  // In our statements a name in WHERE is the column, also where SELECT gives a converted value the same name.
  prefer_column_name_to_alias: 1,
} as const;

// Two rows of one key in one insert, as after a redelivery, are told apart by whoever reads (FINAL). Looking for them at
// each insert doubles its cost.
const INSERT_SETTINGS = 'optimize_on_insert = 0';

/** A configuration with limits for questions gives a connection that can change nothing. */
export function connectClickHouse(config: ClickHouseConfig): ClickHouse {
  const { question, ca = null } = config;
  const client = createClient({
    url: config.url,
    username: config.user,
    password: config.password,
    database: config.database,
    application: 'backtrail',
    ...(question === undefined ? {} : { clickhouse_settings: questionSettings(question) }),
    ...(ca === null ? {} : { tls: { ca_cert: Buffer.from(ca) } }),
    // The server gives up first, and says why.
    request_timeout: Math.max(REQUEST_TIMEOUT_MS, (question?.timeMaxMs ?? 0) + SERVER_GIVES_UP_MS),
    max_open_connections: CONNECTIONS_MAX,
    keep_alive: { enabled: true, idle_socket_ttl: IDLE_SOCKET_MS },
    log: { level: 127 }, // OFF: what goes wrong is an error with a code, said once by whoever it stops.
  });
  return {
    database: config.database,

    async select<T>(sql: string, params: Params = {}) {
      return reading(async () => {
        const format = 'JSONEachRow';
        const result = await client.query({
          query: sql,
          query_params: params,
          format,
          clickhouse_settings: SETTINGS,
          use_multipart_params_auto: true,
        });
        answeredByClickHouse(result.response_headers);
        return rowsIn<T>(await result.text());
      }).catch((error: unknown) => {
        throw question === undefined ? error : withLimitsNamed(error);
      });
    },

    async selectNative(sql, params = {}) {
      return reading(async () => {
        // What fails half-way is an error of its own then, not bytes behind the rows.
        const settings = { ...SETTINGS, wait_end_of_query: 1 } as const;
        const query = `${sql} FORMAT Native`;
        const { stream, response_headers } = await client.exec({
          query,
          query_params: params,
          clickhouse_settings: settings,
        });
        const rows = Buffer.concat((await stream.toArray()) as Buffer[]);
        answeredByClickHouse(response_headers);
        return rows;
      });
    },

    async insert(table, rows) {
      if (rows.length === 0) return;
      const lines = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      await inserted(client, `INSERT INTO ${table} FORMAT JSONEachRow`, [lines]);
    },

    async insertBytes(table, { format, columns }, blocks) {
      const names = columns === null ? '' : `(${columns.map((name) => `\`${name}\``).join(', ')})`;
      await inserted(client, `INSERT INTO ${table} ${names} SETTINGS ${INSERT_SETTINGS} FORMAT ${format}`, blocks);
    },

    async command(sql, params = {}) {
      await translated(() => client.command({ query: sql, query_params: params }));
    },

    close: () => client.close(),
  };
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Rows count as durable when ClickHouse itself says so, with nothing behind it: a failure may come with the status 200, when
 * the headers were sent before it, and whatever stands between may answer 200 for a server that is not there.
 */
async function inserted(
  client: ReturnType<typeof createClient>,
  query: string,
  blocks: readonly Buffer[],
): Promise<void> {
  await translated(async () => {
    const { stream, response_headers } = await client.exec({
      query,
      values: Readable.from(blocks, { objectMode: false }),
    });
    const answer = (await text(stream)).trim();
    if (answer !== '') throw parseError(answer);
    answeredByClickHouse(response_headers);
  });
}

function answeredByClickHouse(headers: Headers = {}): void {
  const code = headers['x-clickhouse-exception-code'];
  if (code !== undefined)
    throw new ClickHouseError({ message: 'failed half-way', code: String(code), type: 'EXCEPTION' });
  if (Object.keys(headers).some((name) => name.toLowerCase().startsWith('x-clickhouse-'))) return;
  throw new Error('an answer of 200 that is not from ClickHouse');
}

/**
 * Rows as JSON, each with the end of its line: what has none was cut off, and is not passed over as the library does. A failure
 * that ClickHouse told in place of rows or behind them is thrown as what it is.
 */
function rowsIn<T>(answer: string): T[] {
  const lines = answer.split('\n');
  try {
    if (lines.pop() !== '') throw new SyntaxError('the last row has no end');
    return lines.map((line) => JSON.parse(line) as T);
  } catch (cause) {
    const told = /Code: \d+\. DB::Exception: [^]*$/.exec(answer)?.[0];
    throw told === undefined ? new Error(`an answer that is not rows: ${String(cause)}`, { cause }) : parseError(told);
  }
}

/** Server error codes that have a meaning for us; every other one is a statement that is refused. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ...codes('CLICKHOUSE_BUSY', [
    '159',
    '160',
    '202',
    '209',
    '210',
    '236',
    '242',
    '243',
    '252',
    '285',
    '286',
    '319',
    '999',
  ]),
  ...codes('CLICKHOUSE_TOO_LARGE', ['241']),
  ...codes('CLICKHOUSE_DENIED', ['164', '192', '193', '194', '195', '291', '497', '516']),
  ...codes('CLICKHOUSE_NOT_MIGRATED', ['16', '47', '60', '81']),
};

function codes(code: ErrorCode, numbers: readonly string[]): Record<string, ErrorCode> {
  return Object.fromEntries(numbers.map((number) => [number, code]));
}

async function translated<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw translate(error);
  }
}

/** Only an insert can be halved: a read that finds no memory now waits for it. */
async function reading<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await translated(action);
  } catch (cause) {
    if (!(cause instanceof BacktrailError) || cause.outcome !== 'split') throw cause;
    throw new BacktrailError('CLICKHOUSE_BUSY', cause.message, { cause });
  }
}

export function translate(error: unknown): BacktrailError {
  if (error instanceof ClickHouseError) {
    const code = CODES[error.code] ?? 'CLICKHOUSE_REFUSED';
    return new BacktrailError(code, `${error.type ?? 'error'} ${error.code}: ${error.message}`, { cause: error });
  }
  // The client makes plain errors of whatever is not an answer of ClickHouse: a socket that fails, a limit on time,
  // the page of a proxy. Any other kind of error is a mistake of ours.
  if (error instanceof Error && (error.constructor === Error || 'code' in error || error.name === 'AggregateError')) {
    return new BacktrailError('CLICKHOUSE_UNREACHABLE', error.message, { cause: error });
  }
  return new BacktrailError('UNKNOWN', error instanceof Error ? error.message : String(error), { cause: error });
}
