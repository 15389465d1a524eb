import { loadConfig } from '../config.js';
import type { Stream } from '../core/record.js';
import { asBacktrailError } from '../errors.js';
import { createLog } from '../log.js';
import type { Definition } from './definition.js';
import { runService } from './service.js';

/** Runs a service as a process: configuration from the environment, one line when it fails. Returns the exit code. */
export async function serve<S extends Stream>(
  definition: Definition<S>,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<number> {
  let log = createLog('info', { service: definition.service });
  try {
    const config = loadConfig(env);
    log = createLog(config.logLevel, { service: definition.service });
    await runService(definition, config, { signal, log });
    return 0;
  } catch (error) {
    const known = asBacktrailError(error);
    log.fatal({ code: known.code, err: known }, known.message);
    return known.exitCode;
  }
}
