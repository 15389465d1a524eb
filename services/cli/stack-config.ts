import { endpointEnv, type Endpoints } from '../../infra/embedded/endpoints.js';
import { stackHome } from '../../infra/embedded/home.js';
import { ensureStack, resolveEndpoints } from '../../infra/embedded/stack.js';
import { loadConfig, loadReaderConfig, type Config, type ReaderConfig } from '../shared/config.js';
import { say, type CliContext } from './context.js';
import { stackContents } from './stack-contents.js';

/**
 * The configuration of a command that needs the whole stack: with what the environment names or what runs here already; else the
 * embedded stack is started, and left running.
 */
export async function configWithStack(context: CliContext): Promise<Config> {
  const { migrate, services } = stackContents(context.env);
  const endpoints = await ensureStack({
    home: stackHome(context.env),
    env: context.env,
    migrate,
    services,
    say: (line) => {
      say(context, line);
    },
    signal: context.signal,
  });
  return configAt(context, endpoints);
}

export function configAt(context: CliContext, endpoints: Endpoints): Config {
  return loadConfig({ ...context.env, ...endpointEnv(endpoints) });
}

/** For a question: any ClickHouse that is named or running will do; only without one the embedded stack is started. */
export async function readerConfig(context: CliContext): Promise<ReaderConfig> {
  const { clickhouse } = resolveEndpoints(context.env, stackHome(context.env));
  if (clickhouse === null) return configWithStack(context);
  return loadReaderConfig({ ...context.env, CLICKHOUSE_URL: clickhouse.address });
}
