import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** What one statement gave back. The engine counts rows of the result only, not the rows it had to read for it. */
export interface EngineResult {
  bytes: Buffer;
  resultRows: number;
  resultBytes: number;
  writtenRows: number;
  writtenBytes: number;
  elapsedSeconds: number;
}

/** The engine cannot be opened at all; the message is a sentence for the person who started it. */
export class EngineUnavailable extends Error {
  override name = 'EngineUnavailable';
}

type Handle = unknown;
interface Native {
  CreateConnection(path: string, args: string[]): Handle;
  CloseConnection(handle: Handle): void;
  QueryAsyncConnection(
    handle: Handle,
    sql: string,
    format: string,
  ): Promise<{ bytes: Buffer; elapsed: number; rowsRead: number; bytesRead: number }>;
  InsertRawAsyncConnection(
    handle: Handle,
    prefix: string,
    data: Buffer,
    countLines: boolean,
  ): Promise<{ elapsed: number; rowsWritten: number; bytesWritten: number }>;
}

// chDB answers as clickhouse-local does; these make it answer as a server does.
const CONNECTION_ARGS = ['--implicit_select=0', '--allow_introspection_functions=0'];

/**
 * chDB with one data directory. Connections are cheap (0.15 ms), independent, and run side by side; one connection runs one
 * statement at a time. Below the package's own `Session`: that one cannot hand over bytes, and its close() waits for every
 * other session's statements.
 */
export class Engine {
  readonly #native: Native;
  readonly #path: string;
  readonly #args: string[];
  readonly #keeper: Handle;
  #ahead: Connection | null = null;
  #closed = false;

  private constructor(native: Native, path: string, args: string[]) {
    this.#native = native;
    this.#path = path;
    this.#args = args;
    // The engine lives as long as its last connection.
    this.#keeper = native.CreateConnection(path, args);
  }

  static open(options: { path: string; configFile: string }): Engine {
    const native = loadNative();
    try {
      mkdirSync(options.path, { recursive: true });
      // Without a file of its own the engine would take any config.xml it finds in the working directory or at home.
      writeFileSync(options.configFile, SERVER_CONFIG);
      return new Engine(native, options.path, [...CONNECTION_ARGS, `--config-file=${options.configFile}`]);
    } catch (error) {
      throw new EngineUnavailable(openFailure(options.path, error), { cause: error });
    }
  }

  /** Takes one that was opened ahead, and opens the next when the event loop has nothing better to do. */
  connect(): Connection {
    const ready = this.#ahead;
    this.#ahead = null;
    setImmediate(() => {
      if (!this.#closed) this.#ahead ??= this.#open();
    });
    return ready ?? this.#open();
  }

  #open(): Connection {
    return new Connection(this.#native, this.#native.CreateConnection(this.#path, this.#args));
  }

  /** Call it when no statement runs any more: closing under a running statement takes the process down. */
  close(): void {
    this.#closed = true;
    this.#ahead?.close();
    this.#native.CloseConnection(this.#keeper);
  }
}

export class Connection {
  readonly #native: Native;
  readonly #handle: Handle;
  #closed = false;

  constructor(native: Native, handle: Handle) {
    this.#native = native;
    this.#handle = handle;
  }

  /** Runs text that returns its result in memory. */
  async query(sql: string, format = 'TabSeparated'): Promise<EngineResult> {
    const raw = await this.#native.QueryAsyncConnection(this.#handle, sql, format);
    return {
      bytes: raw.bytes,
      resultRows: raw.rowsRead,
      resultBytes: raw.bytesRead,
      writtenRows: 0,
      writtenBytes: 0,
      elapsedSeconds: raw.elapsed,
    };
  }

  /** Runs bytes: a statement in any encoding, with inline data after it. What it selects is lost; what it wrote is counted. */
  async execute(prefix: string, sql: Buffer): Promise<EngineResult> {
    const raw = await this.#native.InsertRawAsyncConnection(this.#handle, prefix, sql, false);
    return {
      bytes: Buffer.alloc(0),
      resultRows: 0,
      resultBytes: 0,
      writtenRows: raw.rowsWritten,
      writtenBytes: raw.bytesWritten,
      elapsedSeconds: raw.elapsed,
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.CloseConnection(this.#handle);
  }
}

// chDB starts with two background threads, which lets the parts of many small inserts pile up.
const SERVER_CONFIG = `<clickhouse>
  <background_pool_size>4</background_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
</clickhouse>
`;

function loadNative(): Native {
  const require = createRequire(import.meta.url);
  try {
    const loader = require(join(dirname(require.resolve('chdb')), 'dist', 'loader.js')) as { loadNative(): Native };
    return loader.loadNative();
  } catch (error) {
    throw new EngineUnavailable(
      `The embedded ClickHouse needs the optional package chdb, and it cannot be loaded here (${process.platform}-${process.arch}). ` +
        'Run "npm ci" without --omit=optional (Linux with glibc and macOS only), or set CLICKHOUSE_URL to a server of your own.',
      { cause: error },
    );
  }
}

function openFailure(path: string, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC') return `The disk of ${path} is full: ClickHouse cannot open its data there. Free some room.`;
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
    return `ClickHouse may not write to ${path} (${code}).`;
  if (existsSync(join(path, 'status'))) {
    return `The ClickHouse data in ${path} is in use by another process. Stop that one, or choose another --path.`;
  }
  return `ClickHouse cannot open its data in ${path}: ${error instanceof Error ? error.message : String(error)}`;
}
