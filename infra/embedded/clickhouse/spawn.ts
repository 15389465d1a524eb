import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { nodeCommand } from '../launch.js';

export interface ClickHouseProcess {
  url: string;
  pid: number;
  /** SIGTERM, and waits until it has finished what runs. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

const SESSIONS_DEFAULT = 24;
const THREADS_SPARE = 8;

/**
 * The server in a process of its own that ends with ours at the latest when we stop it. Throws what it printed when it does not
 * become ready. `env` is this process's environment.
 */
export async function spawnClickHouseServer(options: {
  path: string;
  env: NodeJS.ProcessEnv;
  port?: number;
  sessions?: number;
}): Promise<ClickHouseProcess> {
  const sessions = options.sessions ?? SESSIONS_DEFAULT;
  const [program, ...args] = nodeCommand('infra/embedded/clickhouse/main', [
    ...['--path', options.path],
    ...['--port', String(options.port ?? 0)],
    ...['--sessions', String(sessions)],
  ]);
  const child = spawn(program, args, {
    // With this set the process need not start itself again.
    env: { ...options.env, UV_THREADPOOL_SIZE: String(sessions + THREADS_SPARE) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const url = await readyUrl(child);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  return { url, pid: child.pid ?? 0, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

async function readyUrl(
  child: ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream },
): Promise<string> {
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      const url = /ready at (\S+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new Error(`ClickHouse ended (${String(code)}) before it was ready: ${complaints.trim()}`));
    });
  });
}
