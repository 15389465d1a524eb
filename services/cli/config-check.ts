import { ENDPOINT_VARIABLES, PARTS } from '../../infra/embedded/endpoints.js';
import { stackHome } from '../../infra/embedded/home.js';
import { resolveEndpoints } from '../../infra/embedded/stack.js';
import { loadConfig, type Config } from '../shared/config.js';
import { BacktrailError } from '../shared/errors.js';
import { printJson, type CliContext } from './context.js';
import { CommandError, EXIT } from './exit.js';

/** Asks no server: whether they answer is what `status` says. */
export function checkConfig(options: { json?: true }, context: CliContext): void {
  const found = resolveEndpoints(context.env, stackHome(context.env));
  const endpoints = Object.fromEntries(
    PARTS.flatMap((part) => {
      const endpoint = found[part];
      return endpoint === null ? [] : [[ENDPOINT_VARIABLES[part], endpoint.address]];
    }),
  );
  try {
    const shown = withoutSecrets(loadConfig({ ...context.env, ...endpoints }));
    if (options.json) printJson(context, { ok: true, problems: [], config: shown });
    else for (const [name, value] of flat('', shown)) context.stdout.write(`${name} = ${value}\n`);
  } catch (error) {
    if (!(error instanceof BacktrailError) || error.code !== 'CONFIG_INVALID') throw error;
    const problems = error.message.split('\n');
    if (options.json) {
      printJson(context, { ok: false, problems, config: null });
      context.endWith(EXIT.usage);
      return;
    }
    const heading = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    throw new CommandError(EXIT.usage, `${heading}\n${problems.map((line) => `  ${line}`).join('\n')}`, {
      cause: error,
    });
  }
}

const HIDDEN = '***';

function withoutSecrets(config: Config): object {
  const { kafka, clickhouse, schemaRegistryUrl } = config;
  return {
    ...config,
    kafka: { ...kafka, sasl: kafka.sasl === null ? null : { ...kafka.sasl, password: HIDDEN } },
    schemaRegistryUrl: withoutPassword(schemaRegistryUrl),
    clickhouse: {
      ...clickhouse,
      url: withoutPassword(clickhouse.url),
      password: clickhouse.password === '' ? '' : HIDDEN,
    },
  };
}

function withoutPassword(address: string): string {
  const url = new URL(address);
  if (url.password === '') return address;
  url.password = HIDDEN;
  return url.href;
}

function* flat(prefix: string, value: object): Generator<[string, string]> {
  for (const [name, part] of Object.entries(value) as [string, unknown][]) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    if (typeof part === 'object' && part !== null && !Array.isArray(part)) yield* flat(path, part);
    else yield [path, Array.isArray(part) ? part.join(',') : String(part)];
  }
}
