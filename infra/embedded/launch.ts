import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { elapsedMs, sleep } from '../../services/shared/clock.js';
import { packageRoot } from '../../services/shared/package-root.js';
import type { Env } from './home.js';
import { type Identity, identityOf, isAlive, signalProcess } from './identity.js';

export type Command = readonly [program: string, ...args: string[]];

export interface Launched {
  identity: Identity | null;
  /** How it ended, in words ("exit code 1"). */
  ended: Promise<string>;
}

/** The command that runs one of our own modules: from dist/ when we were built, through tsx when we run from the sources. */
export function nodeCommand(module: string, args: readonly string[] = []): Command {
  const root = packageRoot();
  return import.meta.url.endsWith('.ts')
    ? [process.execPath, '--import', 'tsx', join(root, `${module}.ts`), ...args]
    : [process.execPath, join(root, 'dist', `${module}.js`), ...args];
}

/**
 * Starts a process that outlives us: its own session, so that Ctrl-C in our terminal is not for it, and a file for what it
 * prints. The file is opened for appending, so that it can be emptied underneath it.
 */
export async function launch(command: Command, options: { env: Env; logFile: string }): Promise<Launched> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  try {
    const [program, ...args] = command;
    const child = spawn(program, args, {
      cwd: packageRoot(),
      env: { ...options.env },
      detached: true,
      stdio: ['ignore', log, log],
    });
    const ended = endOf(child);
    if (child.pid === undefined) await once(child, 'error').catch(() => undefined);
    child.unref();
    return { identity: child.pid === undefined ? null : identityOf(child.pid), ended };
  } finally {
    closeSync(log);
  }
}

async function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      resolve(`could not be started: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      resolve(signal === null ? `exit code ${String(code)}` : `killed by ${signal}`);
    });
  });
}

/** Asks it to end, waits, and ends it when the limit is over. Resolves when it is gone. */
export async function stopProcess(identity: Identity, limitMs: number): Promise<'gone' | 'asked' | 'killed'> {
  if (!signalProcess(identity, 'SIGTERM')) return 'gone';
  signalProcess(identity, 'SIGCONT'); // a frozen one would hear it only then
  if (await untilDead(identity, limitMs)) return 'asked';
  signalProcess(identity, 'SIGKILL');
  await untilDead(identity, 10_000);
  return 'killed';
}

export async function untilDead(identity: Identity, limitMs: number): Promise<boolean> {
  const deadline = elapsedMs() + limitMs;
  while (isAlive(identity)) {
    if (elapsedMs() > deadline) return false;
    await sleep(20);
  }
  return true;
}
