import { nodeCommand } from '../../../infra/embedded/launch.js';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../services/shared/package-root.js';
import { Child } from '../child.js';
import type { Pids } from '../processes.js';

const SERVICES = ['release', 'inference', 'proof', 'agent', 'payment', 'window', 'alert'] as const;

/** The services of the pipeline, a process each: as built when there is a build, else from the sources. */
export function startServices(env: NodeJS.ProcessEnv): { readonly pids: Pids; stop(): Promise<void> } {
  const children = SERVICES.map((name) => {
    const built = join(packageRoot(), 'dist', 'services', name, 'main.js');
    const command = existsSync(built) ? ([process.execPath, built] as const) : nodeCommand(`services/${name}/main`);
    return { name, child: new Child(command, { ...env, PORT: '0', LOG_LEVEL: 'warn' }) };
  });
  return {
    pids: Object.fromEntries(children.map(({ name, child }) => [name, child.pid])),
    stop: async () => {
      await Promise.all(children.map(({ child }) => child.stop()));
    },
  };
}
