import { X509Certificate } from 'node:crypto';
import { ENDPOINT_VARIABLES, PARTS } from '../../infra/embedded/endpoints.js';
import { stackHome } from '../../infra/embedded/home.js';
import { resolveEndpoints } from '../../infra/embedded/stack.js';
import { readReceivers, type Receiver } from '../alert/receivers.js';
import { loadConfig, type ClickHouseConfig, type Config } from '../shared/config.js';
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
  const problems: string[] = [];
  const config = read(() => loadConfig({ ...context.env, ...endpoints }), problems);
  const file = context.env['ALERT_RECEIVERS_FILE'];
  const receivers = read(() => readReceivers(file === undefined || file === '' ? null : file), problems);
  if (config === null || receivers === null) {
    if (!options.json) throw new CommandError(EXIT.usage, problemsText(problems));
    printJson(context, { ok: false, problems, config: null });
    context.endWith(EXIT.usage);
    return;
  }
  const shown = { ...withoutSecrets(config), alertReceivers: receivers.receivers.map(withoutAddress) };
  if (options.json) printJson(context, { ok: true, problems: [], config: shown });
  else for (const [name, value] of flat('', shown)) context.stdout.write(`${name} = ${value}\n`);
}

/** Null, and a line for each problem. */
function read<T>(reading: () => T, problems: string[]): T | null {
  try {
    return reading();
  } catch (error) {
    if (!(error instanceof BacktrailError) || error.code !== 'CONFIG_INVALID') throw error;
    problems.push(...error.message.split('\n'));
    return null;
  }
}

function problemsText(problems: readonly string[]): string {
  const heading = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return `${heading}\n${problems.map((line) => `  ${line}`).join('\n')}`;
}

const HIDDEN = '***';

/** Addresses carry none; of certificates, which are no secret, what tells them apart. */
function withoutSecrets(config: Config): object {
  const { kafka, registry, clickhouse, reader, archive } = config;
  const hidden = (secret: string | null): string | null => (secret === null || secret === '' ? secret : HIDDEN);
  const database = (connection: ClickHouseConfig): object => ({
    ...connection,
    password: hidden(connection.password),
    ca: certificate(connection.ca ?? null),
  });
  return {
    ...config,
    kafka: {
      ...kafka,
      ssl: kafka.ssl && {
        ca: certificate(kafka.ssl.ca),
        cert: certificate(kafka.ssl.cert),
        key: hidden(kafka.ssl.key),
        passphrase: hidden(kafka.ssl.passphrase),
      },
      sasl: kafka.sasl && { ...kafka.sasl, password: HIDDEN },
    },
    registry: {
      ...registry,
      auth: registry.auth && { ...registry.auth, password: hidden(registry.auth.password) },
      ca: certificate(registry.ca),
    },
    clickhouse: database(clickhouse),
    reader: database(reader),
    archive: {
      ...archive,
      credentials: archive.credentials && {
        ...archive.credentials,
        secretAccessKey: HIDDEN,
        ...(archive.credentials.sessionToken === undefined ? {} : { sessionToken: HIDDEN }),
      },
    },
  };
}

/** The address of a webhook is often a secret as a whole, but for its host. */
function withoutAddress(receiver: Receiver): object {
  const headers = Object.fromEntries(Object.keys(receiver.headers).map((name) => [name, HIDDEN]));
  return { ...receiver, url: `${new URL(receiver.url).origin}/${HIDDEN}`, headers };
}

function certificate(pem: string | null): string | null {
  if (pem === null) return null;
  const { subject, validTo } = new X509Certificate(pem);
  return `${subject.replaceAll('\n', ', ')} until ${validTo}`;
}

function* flat(prefix: string, value: object): Generator<[string, string]> {
  for (const [name, part] of Object.entries(value) as [string, unknown][]) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    if (typeof part === 'object' && part !== null && !Array.isArray(part)) yield* flat(path, part);
    else if (Array.isArray(part) && part.some((one) => typeof one === 'object')) yield* flat(path, part);
    else yield [path, Array.isArray(part) ? part.join(',') : String(part)];
  }
}
