import { type Endpoint, type Endpoints, mergeEndpoints } from './endpoints.js';
import type { Env, Home } from './home.js';
import type { PartName } from './ports.js';
import { readStackFile } from './stack-file.js';
import type { StartOptions } from './plan.js';
import { resumeStack, startStack } from './start.js';
import { readyEndpoints } from './status.js';

/**
 * Where the servers are, without starting or asking any: the environment's before the embedded ones; null for one that is
 * neither named nor running.
 */
export function resolveEndpoints(env: Env, home: Home): Record<PartName, Endpoint | null> {
  return mergeEndpoints(env, readStackFile(home.stackFile));
}

/**
 * For commands that need a stack: uses what is named in the environment or runs already, starts what is missing, says so, and
 * leaves it running.
 */
export async function ensureStack(options: StartOptions): Promise<Endpoints> {
  const running = await readyEndpoints(options.env, readStackFile(options.home.stackFile));
  if (running !== null) return running;
  const resumed = await resumeStack(options);
  if (resumed !== null) return resumed;
  options.say?.('No stack is configured or running: starting the embedded one (`backtrail down` stops it) ...');
  const { endpoints, tookMs } = await startStack(options);
  options.say?.(`The embedded stack is ready after ${(tookMs / 1000).toFixed(1)} s.`);
  return endpoints;
}
