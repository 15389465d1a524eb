import { join, resolve } from 'node:path';
import { packageRoot } from '../../services/shared/package-root.js';

/** Where one stack keeps what it has. Two stacks with two homes share nothing but the fetched jars. */
export interface Home {
  root: string;
  /** Jars belong to this version of the program, not to a stack: shared by all homes. */
  libRoot: string;
  data: string;
  logs: string;
  /** What `up` asked for; read by the supervisor. */
  wantedFile: string;
  /** What runs; written by the supervisor only. */
  stackFile: string;
  lockFile: string;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** BACKTRAIL_HOME or --dir moves a stack; BACKTRAIL_LIB moves the jars (an image may bring them along). */
export function stackHome(env: Env, directory?: string): Home {
  const shared = join(packageRoot(), '.backtrail');
  const root = resolve(directory ?? nonEmpty(env['BACKTRAIL_HOME']) ?? shared);
  return {
    root,
    libRoot: resolve(nonEmpty(env['BACKTRAIL_LIB']) ?? join(shared, 'lib')),
    data: join(root, 'data'),
    logs: join(root, 'logs'),
    wantedFile: join(root, 'wanted.json'),
    stackFile: join(root, 'stack.json'),
    lockFile: join(root, 'up.lock'),
  };
}

export function logFile(home: Home, name: string): string {
  return join(home.logs, `${name}.log`);
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value;
}
