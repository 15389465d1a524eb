import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logFile, stackHome, type Home } from '../../infra/embedded/home.js';
import { type Identity, identityOf, signalProcess } from '../../infra/embedded/identity.js';
import { nodeCommand } from '../../infra/embedded/launch.js';
import { readStackFile } from '../../infra/embedded/stack-file.js';
import { startStack } from '../../infra/embedded/start.js';
import { stackStatus, type StackStatus } from '../../infra/embedded/status.js';
import { stopStack } from '../../infra/embedded/stop.js';
import { stackContents } from '../../services/cli/stack-contents.js';
import { elapsedMs } from '../../services/shared/clock.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { fillDisk, mountSmallDisk, unmount } from './small-disk.js';

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
  /** Names of what was frozen at some time. */
  readonly everFrozen = new Set<string>();
  /** Whether the disk was full at some time: then anything may have ended by itself. */
  everFull = false;
  /** Where what it has can be looked into when it has ended. */
  readonly folder: string;
  readonly #hasSmallDisk: boolean;
  #commandMs = elapsedMs();
  readonly #frozen = new Map<number, Identity>();
  readonly #children = new Set<ChildProcess>();

  /** @param diskMegabytes null: on the disk of this machine, which is not filled up */
  constructor(env: Readonly<Record<string, string | undefined>>, diskMegabytes: number | null = null) {
    this.folder = mkdtempSync(join(tmpdir(), 'backtrail-chaos-'));
    const root = join(this.folder, 'stack');
    this.#hasSmallDisk = diskMegabytes !== null;
    if (diskMegabytes !== null) mountSmallDisk(root, diskMegabytes);
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
    // A small disk is gone with this process.
    if (keep && this.#hasSmallDisk) cpSync(this.home.logs, join(this.folder, 'logs'), { recursive: true });
    if (this.#hasSmallDisk) unmount(this.home.root);
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }

  /** Null when it has no disk of its own. The function given back frees the space. */
  fillDisk(): (() => void) | null {
    if (!this.#hasSmallDisk) return null;
    this.everFull = true;
    return fillDisk(this.home.root);
  }

  /** How often a process was killed by its supervisor, as it had not answered for long. */
  killedAsSilent(name: string): number {
    const told = new RegExp(`^\\S+ ${name}: ended \\(killed by SIGKILL: it had not answered`, 'gm');
    const path = logFile(this.home, 'supervisor');
    const lines = [`${path}.1`, path].filter((one) => existsSync(one)).map((one) => readFileSync(one, 'utf8'));
    return lines.join('').match(told)?.length ?? 0;
  }

  status(): Promise<StackStatus> {
    return stackStatus(this.home, this.env);
  }

  identity(name: string): Identity | null {
    const stack = readStackFile(this.home.stackFile);
    if (name === 'supervisor') return stack?.supervisor ?? null;
    return stack?.processes.find((process) => process.name === name)?.identity ?? null;
  }

  kill(name: string, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): boolean {
    const identity = this.identity(name);
    if (identity === null || !signalProcess(identity, signal)) return false;
    this.killed.set(name, (this.killed.get(name) ?? new Set()).add(identity.pid));
    return true;
  }

  freeze(name: string): Identity | null {
    const identity = this.identity(name);
    if (identity === null || !signalProcess(identity, 'SIGSTOP')) return null;
    this.#frozen.set(identity.pid, identity);
    this.everFrozen.add(name);
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
    this.#commandMs = elapsedMs();
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

  /** Since the last command was begun. */
  sinceCommandMs(): number {
    return elapsedMs() - this.#commandMs;
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
