import { z } from 'zod';

import { MICROS_PER_MS } from './core/time.js';
import type { TrailSettings } from './core/trail.js';
import { BacktrailError } from './errors.js';

/** Bounds of the services. Every one has a variable, so that an operator can move it without a new build. */
export interface Limits {
  /** Rows of one insert; a batch with more is written in several. */
  readonly batchRowsMax: number;
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
  readonly ssl: boolean;
  readonly sasl: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  } | null;
  /** Put before every topic and group, so that scenario runs and tests have their own. */
  readonly topicPrefix: string;
}

export interface ClickHouseConfig {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface Config {
  readonly kafka: KafkaConfig;
  readonly schemaRegistryUrl: string;
  readonly clickhouse: ClickHouseConfig;
  readonly logLevel: LogLevel;
  /** Where /healthz, /readyz and /metrics are served; other machines reach them only if it is not 127.0.0.1. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly limits: Limits;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const url = z.url({ protocol: /^https?$/, error: 'is not an http or https address' });
const flag = z
  .enum(['true', 'false', '1', '0'], { error: 'is neither true nor false' })
  .transform((text) => text === 'true' || text === '1');
const whole = (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  z
    .string()
    .regex(/^\d+$/, 'is not a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `is not between ${least} and ${most}`);

const environment = z.object({
  KAFKA_BROKERS: z
    .string('is missing: host:port, several separated by commas')
    .transform((text) => text.split(',').map((broker) => broker.trim()))
    .refine(
      (brokers) => brokers.every((broker) => /^[^\s:]+:\d+$|^\[[^\]]+\]:\d+$/.test(broker)),
      'is not a list of host:port',
    ),
  KAFKA_CLIENT_ID: z.string().min(1, 'is empty').default('backtrail'),
  KAFKA_SSL: flag.default(false),
  KAFKA_SASL_MECHANISM: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'], { error: 'is not plain, scram-sha-256 or scram-sha-512' })
    .optional(),
  KAFKA_SASL_USERNAME: z.string().optional(),
  KAFKA_SASL_PASSWORD: z.string().optional(),
  TOPIC_PREFIX: z
    .string()
    .regex(/^[a-zA-Z0-9._-]*$/, 'has a character that a topic name may not have')
    .default(''),
  SCHEMA_REGISTRY_URL: z.string('is missing: the address of the schema registry').pipe(url),
  CLICKHOUSE_URL: z.string('is missing: the HTTP address of ClickHouse').pipe(url),
  CLICKHOUSE_USER: z.string().default('default'),
  CLICKHOUSE_PASSWORD: z.string().default(''),
  CLICKHOUSE_DATABASE: z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'is not a plain identifier')
    .default('backtrail'),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `is not one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  HOST: z.string().default('127.0.0.1'),
  PORT: whole(0, 65_535).default(0),
  BATCH_ROWS_MAX: whole(1).default(50_000),
  SWEEP_ROWS_MAX: whole(1).default(4_000),
  DEAD_LETTER_RUN_MAX: whole(1).default(1_000),
  UNKNOWN_SCHEMA_WAIT_MS: whole(0).default(5 * MINUTE_MS),
  RELEASES_WAIT_MS: whole(0).default(10_000),
  RETRY_INITIAL_MS: whole(1).default(100),
  RETRY_MAX_MS: whole(1).default(10_000),
  IDLE_CHECK_MS: whole(10).default(1_000),
  SESSION_TIMEOUT_MS: whole(6_000, 300_000).default(15_000),
  PROOF_DEADLINE_MS: whole(0).default(20 * MINUTE_MS),
  AGENT_DELAY_MS: whole(0).default(7 * DAY_MS),
});

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the whole configuration from environment variables; a variable that is empty counts as not set. Throws
 * CONFIG_INVALID with one line for every variable that is wrong.
 */
export function loadConfig(env: Environment): Config {
  return configOf(parse(environment, env));
}

/** What a question needs: ClickHouse alone. Throws as `loadConfig` does. */
export type ReaderConfig = Pick<Config, 'clickhouse' | 'limits'>;

export function loadReaderConfig(env: Environment): ReaderConfig {
  const parsed = parse(environment.omit({ KAFKA_BROKERS: true, SCHEMA_REGISTRY_URL: true }), env);
  return { clickhouse: clickHouseOf(parsed), limits: limitsOf(parsed) };
}

function parse<T>(schema: z.ZodType<T>, env: Environment): T {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(given);
  const problems = parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
  problems.push(...saslProblems(given));
  if (!parsed.success || problems.length > 0) throw new BacktrailError('CONFIG_INVALID', problems.join('\n'));
  return parsed.data;
}

function saslProblems(given: Record<string, string | undefined>): string[] {
  const names = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'];
  const set = names.filter((name) => given[name] !== undefined);
  if (set.length === 0) return [];
  return names
    .filter((name) => !set.includes(name))
    .map((name) => `${name} is missing while ${set.join(' and ')} is set`);
}

function configOf(env: Parsed): Config {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = env;
  return {
    kafka: {
      brokers: env.KAFKA_BROKERS,
      clientId: env.KAFKA_CLIENT_ID,
      ssl: env.KAFKA_SSL,
      sasl: mechanism && username && password ? { mechanism, username, password } : null,
      topicPrefix: env.TOPIC_PREFIX,
    },
    schemaRegistryUrl: env.SCHEMA_REGISTRY_URL,
    clickhouse: clickHouseOf(env),
    logLevel: env.LOG_LEVEL,
    host: env.HOST,
    port: env.PORT,
    limits: limitsOf(env),
  };
}

type Parsed = z.infer<typeof environment>;

function clickHouseOf(env: Omit<Parsed, 'KAFKA_BROKERS' | 'SCHEMA_REGISTRY_URL'>): ClickHouseConfig {
  return {
    url: env.CLICKHOUSE_URL,
    user: env.CLICKHOUSE_USER,
    password: env.CLICKHOUSE_PASSWORD,
    database: env.CLICKHOUSE_DATABASE,
  };
}

function limitsOf(env: Omit<Parsed, 'KAFKA_BROKERS' | 'SCHEMA_REGISTRY_URL'>): Limits {
  return {
    batchRowsMax: env.BATCH_ROWS_MAX,
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
