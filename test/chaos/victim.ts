import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stackHome, type Home } from '../../infra/embedded/home.js';
import { type Identity, identityOf, signalProcess } from '../../infra/embedded/identity.js';
import { nodeCommand } from '../../infra/embedded/launch.js';
import { readStackFile } from '../../infra/embedded/stack-file.js';
import { startStack } from '../../infra/embedded/start.js';
import { stackStatus, type StackStatus } from '../../infra/embedded/status.js';
import { stopStack } from '../../infra/embedded/stop.js';
import { stackContents } from '../../services/cli/stack-contents.js';
import { packageRoot } from '../../services/shared/package-root.js';

/** As short as brokers allow by default: what is frozen longer than this wakes up as a zombie. */
export const SESSION_TIMEOUT_MS = 6_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The stack that is broken: its own folder, its own ports, and gone when this process is. */
export class Victim {
  readonly home: Home;
  readonly env: Record<string, string | undefined>;
  /** Pids of each process that were killed. */
  readonly killed = new Map<string, Set<number>>();
  readonly #frozen = new Map<number, Identity>();
  readonly #children = new Set<ChildProcess>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    const root = mkdtempSync(join(tmpdir(), 'backtrail-chaos-'));
    const lib = env['BACKTRAIL_LIB'] ?? stackHome(env).libRoot;
    this.env = {
      ...Object.fromEntries(Object.entries(env).filter(([name]) => /^(PATH|HOME|JAVA_HOME|TMPDIR)$/.test(name))),
      BACKTRAIL_HOME: root,
      BACKTRAIL_LIB: lib,
      SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
      LOG_LEVEL: 'warn',
    };
    this.home = stackHome(this.env);
  }

  async start(): Promise<void> {
    const { migrate, services } = stackContents(this.env);
    const ports = { kafka: 'auto', registry: 'auto', clickhouse: 'auto' } as const;
    const owner = identityOf(process.pid);
    await startStack({ home: this.home, env: this.env, ports, owner, migrate, services });
  }

  async end(keep: boolean): Promise<void> {
    this.thawAll();
    for (const child of this.#children) child.kill('SIGKILL');
    await stopStack({ home: this.home, deleteData: !keep });
    if (!keep) rmSync(this.home.root, { recursive: true, force: true });
  }

  status(): Promise<StackStatus> {
    return stackStatus(this.home, this.env);
  }

  identity(name: string): Identity | null {
    const stack = readStackFile(this.home.stackFile);
    if (name === 'supervisor') return stack?.supervisor ?? null;
    return stack?.processes.find((process) => process.name === name)?.identity ?? null;
  }

  kill(name: string): boolean {
    const identity = this.identity(name);
    if (identity === null || !signalProcess(identity, 'SIGKILL')) return false;
    this.killed.set(name, (this.killed.get(name) ?? new Set()).add(identity.pid));
    return true;
  }

  freeze(name: string): Identity | null {
    const identity = this.identity(name);
    if (identity === null || !signalProcess(identity, 'SIGSTOP')) return null;
    this.#frozen.set(identity.pid, identity);
    return identity;
  }

  thaw(identity: Identity): void {
    signalProcess(identity, 'SIGCONT');
    this.#frozen.delete(identity.pid);
  }

  thawAll(): void {
    for (const identity of this.#frozen.values()) this.thaw(identity);
  }

  /** A process of ours beside those of the stack. */
  child(module: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const [program, ...rest] = nodeCommand(module, args);
    const child = spawn(program, rest, { cwd: packageRoot(), env: { ...this.env, ...env } });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** A command of `backtrail` on this stack. */
  async command(args: readonly string[], limitMs: number, env: Record<string, string> = {}): Promise<Ended> {
    const child = this.child('services/cli/main', args, env);
    const text = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
    return new Promise((resolve) => {
      const late = setTimeout(() => child.kill('SIGKILL'), limitMs);
      child.once('close', (code) => {
        clearTimeout(late);
        resolve({ code, ...text });
      });
    });
  }

  /** Where the three servers are, as variables. */
  endpoints(): { KAFKA_BROKERS: string; SCHEMA_REGISTRY_URL: string; CLICKHOUSE_URL: string } {
    const address = (name: string): string =>
      readStackFile(this.home.stackFile)?.processes.find((process) => process.name === name)?.address ?? '';
    return {
      KAFKA_BROKERS: address('kafka'),
      SCHEMA_REGISTRY_URL: address('registry'),
      CLICKHOUSE_URL: address('clickhouse'),
    };
  }
}
