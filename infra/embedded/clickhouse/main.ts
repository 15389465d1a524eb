import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { EngineUnavailable } from './engine.js';
import { startClickHouseServer } from './server.js';

const USAGE = 'usage: main --path DIRECTORY [--port 8123] [--host 127.0.0.1] [--sessions 24]\n';
const SESSIONS_DEFAULT = 24;
// Beside the statements: files, KILL QUERY, unpacking.
const THREADS_SPARE = 8;

interface Flags {
  path: string;
  port: number;
  host: string;
  sessions: number;
}

function readFlags(args: string[]): Flags | null {
  try {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({ args, options: { path: text, port: text, host: text, sessions: text } });
    const port = Number(values.port ?? 8123);
    const sessions = Number(values.sessions ?? SESSIONS_DEFAULT);
    if (values.path === undefined || !Number.isInteger(port) || port < 0 || port > 65535) return null;
    if (!Number.isInteger(sessions) || sessions < 2 || sessions > 512) return null;
    return { path: values.path, port, host: values.host ?? '127.0.0.1', sessions };
  } catch {
    return null;
  }
}

/**
 * libuv reads the size of its thread pool from the environment, and has read it by the time a module runs: so the process
 * starts itself again with it, and stands in for its child.
 */
function runAgain(threads: number): void {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env: { ...process.env, UV_THREADPOOL_SIZE: String(threads) },
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

async function serve(flags: Flags): Promise<void> {
  const server = await startClickHouseServer(flags);
  const stop = (signal: string): void => {
    process.stderr.write(`clickhouse: ${signal}, finishing what runs\n`);
    void server.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // The process that stands in for us was killed outright: nobody could stop us any more.
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  // Last: whoever reads this line may send a signal at once.
  process.stdout.write(`clickhouse ready at ${server.url}\n`);
}

const flags = readFlags(process.argv.slice(2));
if (flags === null) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (Number(process.env['UV_THREADPOOL_SIZE'] ?? 0) < flags.sessions + 2) {
  runAgain(flags.sessions + THREADS_SPARE);
} else {
  serve(flags).catch((error: unknown) => {
    const text =
      error instanceof EngineUnavailable ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`clickhouse: ${text ?? 'failed'}\n`);
    process.exit(1);
  });
}
