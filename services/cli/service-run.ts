import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { endpointEnv, type Endpoints } from '../../infra/embedded/endpoints.js';
import { stackHome } from '../../infra/embedded/home.js';
import { nodeCommand } from '../../infra/embedded/launch.js';
import { resolveEndpoints } from '../../infra/embedded/stack.js';
import type { CliContext } from './context.js';
import { CommandError, EXIT } from './exit.js';

/** A process of its own, with the main file that images run too: signals and exit codes are the service's. */
export async function runService(name: string, context: CliContext): Promise<void> {
  const found = resolveEndpoints(context.env, stackHome(context.env));
  const known = Object.fromEntries(Object.entries(found).filter(([, endpoint]) => endpoint !== null));
  const complete = Object.keys(known).length === Object.keys(found).length;
  const [program, ...args] = nodeCommand(`services/${name}/main`);
  const child = spawn(program, args, {
    stdio: 'inherit',
    env: { ...context.env, ...(complete ? endpointEnv(known as unknown as Endpoints) : {}) },
  });
  const pass = (): void => {
    child.kill('SIGTERM');
  };
  context.signal.addEventListener('abort', pass, { once: true });
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code === 0 || context.signal.aborted) return;
    throw new CommandError(
      code === EXIT.usage ? EXIT.usage : EXIT.failure,
      `the ${name} service ended; its log says why`,
    );
  } finally {
    context.signal.removeEventListener('abort', pass);
  }
}
