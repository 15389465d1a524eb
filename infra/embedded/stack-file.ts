import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Endpoints } from './endpoints.js';
import type { Identity } from './identity.js';
import type { PartName } from './ports.js';

/** A service of ours that the supervisor keeps alive. Data, so that the set can grow. */
export interface ServiceSpec {
  name: string;
  command: readonly [program: string, ...args: string[]];
  /** On top of the supervisor's own environment and the three endpoints. */
  env: Readonly<Record<string, string>>;
  /** A wish: it serves /healthz, /readyz and /metrics here, or, when that is taken, on a free port. Becomes PORT. */
  port: number;
}

/** What `up` asked for. `up` writes it, the supervisor reads it and makes it so. */
export interface Wanted {
  /** Grows with every `up`: what was given up is then tried again. */
  generation: number;
  ports: Partial<Record<PartName | 'kafkaController', number>>;
  /** The parts that run here; the others were named in the environment. */
  parts: PartName[];
  /** When this process is gone, so is the stack: for tests, which may be killed. */
  owner: Identity | null;
  jars: { kafka: string; registry: string } | null;
  endpoints: Endpoints;
  services: ServiceSpec[];
  /** Nothing is wanted any more: `down` says so before it ends the supervisor, which is then not started again. */
  stop?: true;
}

/**
 * starting --> ready --> restarting --> starting ...
 *     \            \---> failed   (given up, with a reason)      stopped (asked to)
 */
export type RunState = 'starting' | 'ready' | 'restarting' | 'failed' | 'stopped';

export interface ProcessRecord {
  name: string;
  kind: 'part' | 'service';
  identity: Identity | null;
  state: RunState;
  restarts: number;
  /** Why it last ended, null while it never did. */
  reason: string | null;
  address: string;
}

/** What runs. Only the supervisor writes it; every reader sees a complete one. */
export interface StackFile {
  supervisor: Identity | null;
  /** The newest `Wanted` that the supervisor has acted on. */
  generation: number;
  processes: ProcessRecord[];
}

export function readWanted(path: string): Wanted | null {
  return readJson(path) as Wanted | null;
}

export function readStackFile(path: string): StackFile | null {
  return readJson(path) as StackFile | null;
}

/** Whole or not at all: written beside it, then renamed. Private, as addresses may carry passwords. */
export function writeJson(path: string, value: Wanted | StackFile): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${String(process.pid)}`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}

/** A file that a full disk or a crash of the machine left empty or cut is as good as none: nothing is known to run. */
function readJson(path: string): unknown {
  if (!existsSync(path)) return null;
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
