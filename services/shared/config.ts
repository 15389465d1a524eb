import { MICROS_PER_MS } from './core/time.js';
import type { TrailSettings } from './core/trail.js';
import { BacktrailError } from './errors.js';
import {
  archiveVariables,
  databaseVariables,
  parse,
  serviceVariables,
  type DatabaseVariables,
  type LogLevel,
} from './environment.js';
import { withSecretsOfFiles, type Given, type TlsFiles } from './secret-files.js';
import { clickHouseOf, kafkaOf, registryOf, s3Of } from './servers.js';

/** Bounds of the services. Every one has a variable, so that an operator can move it without a new build. */
export interface Limits {
  /** Rows of one insert; a batch with more is written in several. */
  readonly batchRowsMax: number;
  /** Bytes of one insert, as they are held in memory. What is read beyond it waits, as with too many rows. */
  readonly batchBytesMax: number;
  /** Rows of one step of a sweep, between which batches may run. */
  readonly sweepRowsMax: number;
  /** Dead letters in a row after which a service stops instead of draining the topic. */
  readonly deadLetterRunMax: number;
  /** How long a schema id that the registry does not know is waited for before the record is a dead letter. */
  readonly unknownSchemaWaitMs: number;
  /** How long a batch waits for the release records that were there when it came. */
  readonly releasesWaitMs: number;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  /** How often a quiet partition's end is looked at, which moves the horizon. */
  readonly idleCheckMs: number;
  /** How long the partitions of an instance that died without a word wait for another owner. */
  readonly sessionTimeoutMs: number;
  /** A proof that is not there this long after its inference is overdue (SPEC 6). */
  readonly proofDeadlineMs: number;
  /** How long after the end of an activation a change still counts as delayed (SPEC 6). */
  readonly agentDelayMs: number;
}

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** False: not encrypted. Else the broker must prove who it is; there is no way to take anybody. */
  readonly ssl: false | TlsFiles;
  readonly sasl: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  } | null;
  /** Put before every topic and group, so that scenario runs and tests have their own. */
  readonly topicPrefix: string;
}

/** Addresses of a configuration carry no user and password: these are taken out of them when they are read. */
export interface RegistryConfig {
  readonly url: string;
  readonly auth: { readonly username: string; readonly password: string } | null;
  /** Whom to trust, in PEM; null: those that Node trusts. */
  readonly ca: string | null;
}

export interface ClickHouseConfig {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Whom to trust, in PEM; without it those that Node trusts. */
  readonly ca?: string | null;
  /** Of a connection for questions: it can change nothing, and no statement may take more than this. */
  readonly question?: QuestionLimits;
}

/** What one statement of a question may take; 0 is no limit. Beyond it: QUESTION_TOO_LARGE. */
export interface QuestionLimits {
  readonly timeMaxMs: number;
  readonly memoryBytesMax: number;
  readonly readRowsMax: number;
  readonly resultRowsMax: number;
}

/** Of archives whose place begins with `s3://`. */
export interface S3Config {
  /** Null: AWS's own. */
  readonly endpoint: string | null;
  readonly region: string;
  /** The bucket is in the path, not in the name of the host. */
  readonly forcePathStyle: boolean;
  /** Null: what AWS's library finds by itself, as a profile or the role of a machine. */
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  } | null;
}

export interface Config {
  readonly kafka: KafkaConfig;
  readonly registry: RegistryConfig;
  /** Of services and `migrate`, which write. */
  readonly clickhouse: ClickHouseConfig;
  /** Of questions. */
  readonly reader: ClickHouseConfig;
  readonly archive: S3Config;
  readonly logLevel: LogLevel;
  /** Where /healthz, /readyz and /metrics are served; other machines reach them only if it is not 127.0.0.1. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Who is told of alerts, and how; null: nobody. Read by services/alert/receivers.ts. */
  readonly alertReceiversFile: string | null;
  readonly limits: Limits;
}

export type { LogLevel } from './environment.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the whole configuration from environment variables, and the files that they name; a variable that is empty counts as
 * not set. Throws CONFIG_INVALID with one line for every variable that is wrong.
 */
export function loadConfig(env: Environment): Config {
  return reading(env, (given, problems) => {
    const service = parse(serviceVariables, given, problems);
    const database = parse(databaseVariables, given, problems);
    // Also where something is wrong already: all problems are reported together.
    const kafka = kafkaOf(given, service, problems);
    const registry = registryOf(given, problems);
    const connections = clickHouseOf(given, database, problems);
    const archive = s3Of(parse(archiveVariables, given, problems), problems);
    if (service === null || database === null || kafka === null || archive === null) return null;
    return {
      kafka,
      registry,
      ...connections,
      archive,
      logLevel: service.LOG_LEVEL,
      host: service.HOST,
      port: service.PORT,
      alertReceiversFile: service.ALERT_RECEIVERS_FILE ?? null,
      limits: limitsOf(database),
    };
  });
}

/** What a question needs, and what people say of alerts: ClickHouse alone. Throws as `loadConfig` does. */
export type ReaderConfig = Pick<Config, 'clickhouse' | 'reader' | 'limits'>;

export function loadReaderConfig(env: Environment): ReaderConfig {
  return reading(env, (given, problems) => {
    const database = parse(databaseVariables, given, problems);
    const connections = clickHouseOf(given, database, problems);
    return database === null ? null : { ...connections, limits: limitsOf(database) };
  });
}

/** What an archive needs that is only looked at. Throws as `loadConfig` does. */
export function loadArchiveConfig(env: Environment): S3Config {
  return reading(env, (given, problems) => s3Of(parse(archiveVariables, given, problems), problems));
}

/** Whatever must not be seen in a log, an error or a status. */
export function secretsOf({ kafka, registry, clickhouse, reader, archive }: Config): string[] {
  const passphrase = kafka.ssl === false ? null : kafka.ssl.passphrase;
  const { secretAccessKey, sessionToken } = archive.credentials ?? {};
  const secrets = [kafka.sasl?.password, passphrase, registry.auth?.password, clickhouse.password, reader.password];
  const all = [...secrets, secretAccessKey, sessionToken];
  return [...new Set(all.filter((secret) => typeof secret === 'string' && secret !== ''))] as string[];
}

/** Collects the problems of all that `read` looks at. */
function reading<T>(env: Environment, read: (given: Given, problems: string[]) => T | null): T {
  const problems: string[] = [];
  const set = Object.entries(env).filter(([, value]) => value !== undefined && value !== '') as [string, string][];
  const found = read(withSecretsOfFiles(Object.fromEntries(set), problems), problems);
  if (found === null || problems.length > 0) throw new BacktrailError('CONFIG_INVALID', problems.join('\n'));
  return found;
}

function limitsOf(env: DatabaseVariables): Limits {
  return {
    batchRowsMax: env.BATCH_ROWS_MAX,
    batchBytesMax: env.BATCH_BYTES_MAX,
    sweepRowsMax: env.SWEEP_ROWS_MAX,
    deadLetterRunMax: env.DEAD_LETTER_RUN_MAX,
    unknownSchemaWaitMs: env.UNKNOWN_SCHEMA_WAIT_MS,
    releasesWaitMs: env.RELEASES_WAIT_MS,
    retryInitialMs: env.RETRY_INITIAL_MS,
    retryMaxMs: env.RETRY_MAX_MS,
    idleCheckMs: env.IDLE_CHECK_MS,
    sessionTimeoutMs: env.SESSION_TIMEOUT_MS,
    proofDeadlineMs: env.PROOF_DEADLINE_MS,
    agentDelayMs: env.AGENT_DELAY_MS,
  };
}

/** What the core takes of the limits. */
export function trailSettings({ limits }: Pick<Config, 'limits'>): TrailSettings {
  return {
    proofDeadlineMicros: limits.proofDeadlineMs * MICROS_PER_MS,
    agentDelayMicros: limits.agentDelayMs * MICROS_PER_MS,
  };
}
