import { z } from 'zod';

import type { Given } from './secret-files.js';

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

/** Of whatever reads and writes topics. */
export const serviceVariables = z.object({
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
  SCHEMA_REGISTRY_USER: z.string().optional(),
  SCHEMA_REGISTRY_PASSWORD: z.string().optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `is not one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  HOST: z.string().default('127.0.0.1'),
  PORT: whole(0, 65_535).default(0),
  ALERT_RECEIVERS_FILE: z.string().optional(),
});

export type ServiceVariables = z.infer<typeof serviceVariables>;

/** Of questions too, which need no Kafka. */
export const databaseVariables = z.object({
  CLICKHOUSE_URL: z.string('is missing: the HTTP address of ClickHouse').pipe(url),
  CLICKHOUSE_USER: z.string().optional(),
  CLICKHOUSE_PASSWORD: z.string().optional(),
  CLICKHOUSE_READER_USER: z.string().optional(),
  CLICKHOUSE_READER_PASSWORD: z.string().optional(),
  CLICKHOUSE_DATABASE: z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'is not a plain identifier')
    .default('backtrail'),
  QUESTION_TIME_MAX_MS: whole(0).default(2 * MINUTE_MS),
  QUESTION_MEMORY_BYTES_MAX: whole(0).default(4 * 1024 ** 3),
  QUESTION_READ_ROWS_MAX: whole(0).default(0),
  QUESTION_RESULT_ROWS_MAX: whole(0).default(10_000_000),
  BATCH_ROWS_MAX: whole(1).default(50_000),
  BATCH_BYTES_MAX: whole(1).default(32 * 1024 ** 2),
  SWEEP_ROWS_MAX: whole(1).default(8_000),
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

export type DatabaseVariables = z.infer<typeof databaseVariables>;

/** Of archives in a bucket. Those of AWS are what its libraries read everywhere; here they may also be named by _FILE. */
export const archiveVariables = z.object({
  ARCHIVE_S3_ENDPOINT: url.optional(),
  ARCHIVE_S3_REGION: z.string().optional(),
  ARCHIVE_S3_FORCE_PATH_STYLE: flag.default(false),
  AWS_REGION: z.string().optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional(),
});

export type ArchiveVariables = z.infer<typeof archiveVariables>;

/** Null, and a line for each variable that is wrong. Values are never repeated: they may be secrets. */
export function parse<T>(schema: z.ZodType<T>, given: Given, problems: string[]): T | null {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`));
  return null;
}
