import type { Config, KafkaConfig, RegistryConfig, S3Config } from './config.js';
import type { ArchiveVariables, DatabaseVariables, ServiceVariables } from './environment.js';
import { tlsFilesOf, type Given } from './secret-files.js';

/** The servers of a configuration: what of several variables has to go together. */
export function kafkaOf(given: Given, env: ServiceVariables | null, problems: string[]): KafkaConfig | null {
  problems.push(...saslProblems(given));
  const tls = tlsFilesOf(given, 'KAFKA_SSL_', problems);
  if (env === null) return null;
  if (!env.KAFKA_SSL) {
    const names = Object.keys(given).filter((name) => name.startsWith('KAFKA_SSL_'));
    problems.push(...names.map((name) => `${name} is set while KAFKA_SSL is not true`));
  }
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = env;
  return {
    brokers: env.KAFKA_BROKERS,
    clientId: env.KAFKA_CLIENT_ID,
    ssl: env.KAFKA_SSL && tls,
    sasl: mechanism && username && password ? { mechanism, username, password } : null,
    topicPrefix: env.TOPIC_PREFIX,
  };
}

function saslProblems(given: Given): string[] {
  const names = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'];
  const set = names.filter((name) => given[name] !== undefined);
  if (set.length === 0) return [];
  return names
    .filter((name) => !set.includes(name))
    .map((name) => `${name} is missing while ${set.join(' and ')} is set`);
}

export function registryOf(given: Given, problems: string[]): RegistryConfig {
  const { url, ca, user, password } = accessOf(given, 'SCHEMA_REGISTRY_', problems);
  if (password !== undefined && user === undefined) {
    problems.push('SCHEMA_REGISTRY_USER is missing while SCHEMA_REGISTRY_PASSWORD is set');
  }
  return { url, auth: user === undefined ? null : { username: user, password: password ?? '' }, ca };
}

export function clickHouseOf(
  given: Given,
  env: DatabaseVariables | null,
  problems: string[],
): Pick<Config, 'clickhouse' | 'reader'> {
  const { url, ca, user = 'default', password = '' } = accessOf(given, 'CLICKHOUSE_', problems);
  const { CLICKHOUSE_READER_USER: readerUser, CLICKHOUSE_READER_PASSWORD: readerPassword = '' } = given;
  if (readerPassword !== '' && readerUser === undefined) {
    problems.push('CLICKHOUSE_READER_USER is missing while CLICKHOUSE_READER_PASSWORD is set');
  }
  const server = { url, database: env?.CLICKHOUSE_DATABASE ?? '', ca };
  const reader = readerUser === undefined ? { user, password } : { user: readerUser, password: readerPassword };
  const question = {
    timeMaxMs: env?.QUESTION_TIME_MAX_MS ?? 0,
    memoryBytesMax: env?.QUESTION_MEMORY_BYTES_MAX ?? 0,
    readRowsMax: env?.QUESTION_READ_ROWS_MAX ?? 0,
    resultRowsMax: env?.QUESTION_RESULT_ROWS_MAX ?? 0,
  };
  return { clickhouse: { ...server, user, password }, reader: { ...server, ...reader, question } };
}

const DEFAULT_REGION = 'us-east-1';

export function s3Of(env: ArchiveVariables | null, problems: string[]): S3Config | null {
  if (env === null) return null;
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = env;
  if ((id === undefined) !== (secret === undefined)) {
    const [missing, set] =
      id === undefined ? ['ACCESS_KEY_ID', 'SECRET_ACCESS_KEY'] : ['SECRET_ACCESS_KEY', 'ACCESS_KEY_ID'];
    problems.push(`AWS_${missing} is missing while AWS_${set} is set`);
  }
  return {
    endpoint: env.ARCHIVE_S3_ENDPOINT ?? null,
    region: env.ARCHIVE_S3_REGION ?? env.AWS_REGION ?? DEFAULT_REGION,
    forcePathStyle: env.ARCHIVE_S3_FORCE_PATH_STYLE,
    credentials:
      id === undefined || secret === undefined
        ? null
        : { accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : { sessionToken: token }) },
  };
}

interface Access {
  /** Without the user and password that may stand in it. */
  readonly url: string;
  readonly ca: string | null;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** Who we are to a server that is named by PREFIX_URL. Said in one place only: in the address, or in variables of their own. */
function accessOf(given: Given, prefix: string, problems: string[]): Access {
  const name = `${prefix}URL`;
  const { [name]: text = '', [`${prefix}USER`]: user, [`${prefix}PASSWORD`]: password } = given;
  const { ca } = tlsFilesOf(given, prefix, problems);
  if (ca !== null && text.startsWith('http://')) {
    problems.push(`${prefix}CA_FILE is set while ${name} does not begin with https`);
  }
  const inside = splitAddress(text);
  if (inside.user === undefined) return { url: text, ca, user, password };
  for (const [other, value] of Object.entries({ USER: user, PASSWORD: password })) {
    if (value !== undefined) problems.push(`${prefix}${other} is set while ${name} has a user in it`);
  }
  return { ...inside, ca };
}

/** An address, and the user and password that stood in it. What is no address stays as it is. */
export function splitAddress(text: string): Omit<Access, 'ca'> {
  if (!URL.canParse(text)) return { url: text, user: undefined, password: undefined };
  const parsed = new URL(text);
  const { username, password } = parsed;
  if (username === '' && password === '') return { url: text, user: undefined, password: undefined };
  parsed.username = '';
  parsed.password = '';
  return { url: parsed.href, user: decoded(username), password: decoded(password) };
}

/** A percent sign that begins no code stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
