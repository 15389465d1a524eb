import { loadConfig, secretsOf, type Config } from '../config.js';
import type { Stream } from '../core/record.js';
import { asBacktrailError } from '../errors.js';
import { createLog, type Logger } from '../log.js';
import type { Definition } from './definition.js';
import { runService } from './service.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs a service as a process. Returns the exit code. */
export async function serve<S extends Stream>(
  definition: Definition<S>,
  env: Environment,
  signal: AbortSignal,
): Promise<number> {
  return runProcess(definition.service, env, (config, log) => runService(definition, config, { signal, log }));
}

/** Configuration from the environment, one line when it fails. Returns the exit code. */
export async function runProcess(
  service: string,
  env: Environment,
  run: (config: Config, log: Logger) => Promise<void>,
): Promise<number> {
  let log = createLog('info', { service });
  try {
    const config = loadConfig(env);
    log = createLog(config.logLevel, { service }, secretsOf(config));
    await run(config, log);
    return 0;
  } catch (error) {
    const known = asBacktrailError(error);
    log.fatal({ code: known.code, err: known }, known.message);
    return known.exitCode;
  }
}
