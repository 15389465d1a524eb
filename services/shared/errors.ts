import { withoutUsers } from './redact.js';

/**
 * What happens when something goes wrong, decided by the code alone:
 *   retry        a dependency is away: wait, then the same batch again, nothing committed
 *   dead-letter  this record can never be processed: keep it aside with its reason, go on with the next
 *   split        too much at once: halve the batch
 *   stop         anything else: say so once, end the process, nothing committed
 */
export type Outcome = 'retry' | 'dead-letter' | 'split' | 'stop';

interface ErrorKind {
  readonly outcome: Outcome;
  /** One sentence for operators; the runbook has a heading with the same code. */
  readonly sentence: string;
}

export const ERRORS = {
  // Dependencies
  KAFKA_UNREACHABLE: retry('The Kafka brokers cannot be reached.'),
  KAFKA_REFUSED: stop('Kafka refused a request that will not be granted by asking again: rights, topic or settings.'),
  KAFKA_TOPIC_MISSING: stop('A topic does not exist: run `backtrail migrate`.'),
  LOG_REPLACED: stop('A log is not the one that was applied: the topic was made anew, or the brokers lost records.'),
  KAFKA_GROUP_MOVED: retry('The consumer group was rebalanced during a batch; the next owner applies it again.'),
  REGISTRY_UNREACHABLE: retry('The schema registry cannot be reached.'),
  REGISTRY_REFUSED: stop('The schema registry refused a request that will not be granted by asking again.'),
  CLICKHOUSE_UNREACHABLE: retry('ClickHouse cannot be reached.'),
  CLICKHOUSE_BUSY: retry('ClickHouse has no room at the moment: too many queries, parts or too little memory or disk.'),
  CLICKHOUSE_TOO_LARGE: split('ClickHouse refused an insert as too large.'),
  CLICKHOUSE_DENIED: stop('ClickHouse refused the user, the password or a right.'),
  CLICKHOUSE_NOT_MIGRATED: stop('A database, table or column is missing in ClickHouse: run `backtrail migrate`.'),
  CLICKHOUSE_REFUSED: stop('ClickHouse refused a statement.'),
  QUESTION_TOO_LARGE: stop('A question needs more time, memory or rows than one may take.'),
  ARCHIVE_UNREACHABLE: retry('The storage of an archive cannot be reached.'),
  ARCHIVE_REFUSED: stop('The storage of an archive refused what will not be granted by asking again: rights or room.'),
  ARCHIVE_IN_USE: stop('Somebody else adds to the archive at the same time.'),
  ARCHIVE_DAMAGED: stop('A file of an archive is missing, or not the one that was archived.'),
  // Waiting for knowledge
  SCHEMA_NOT_KNOWN_YET: retry('A record has a schema id that the registry does not know yet.'),
  RELEASES_NOT_HELD_YET: retry('The releases topic begins behind what the release service has accounted for so far.'),
  // Records that can never be processed
  EMPTY_VALUE: deadLetter('The record has no value.'),
  UNKNOWN_MAGIC: deadLetter('The value is not in the wire format of the schema registry.'),
  NOT_AVRO: deadLetter('The value ends before its schema id.'),
  SCHEMA_UNKNOWN: deadLetter('The registry did not come to know the schema id of the record within the time to wait.'),
  SCHEMA_INCOMPATIBLE: deadLetter("The writer's schema is not Avro or lacks fields that are required."),
  UNDECODABLE: deadLetter('The bytes are not a record of the schema they name.'),
  INVALID_AMOUNT: deadLetter('An amount is negative, not a whole number or too large.'),
  INVALID_ID: deadLetter('An id is longer than 512 bytes or has control characters.'),
  INVALID_TRAFFIC: deadLetter('Traffic shares are not whole numbers of 0 to 10000 that sum to 10000, or none.'),
  INVALID_TIME: deadLetter('The event time is before 2020 or more than a day after the append time.'),
  MISSING_FIELD: deadLetter('A release record lacks a field that its action cannot be understood without.'),
  // Ourselves
  CONFIG_INVALID: stop('Environment variables are missing or wrong.'),
  MIGRATION_CHANGED: stop('A migration that was applied is not the one in this version.'),
  MANIFEST_MISMATCH: stop('What a replay was to read again is not what the manifest says was read.'),
  DEAD_LETTER_RUN: stop('Too many dead letters in a row: the topic, its schema or this version is wrong as a whole.'),
  UNKNOWN: stop('Something happened that nobody foresaw.'),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

const MISMATCHES: readonly ErrorCode[] = ['MANIFEST_MISMATCH', 'ARCHIVE_DAMAGED'];

/** An error whose consequences are known by its code. `message` says what exactly, `cause` keeps the foreign error. */
export class BacktrailError extends Error {
  override readonly name = 'BacktrailError';
  /** Exit code of a command that ends with it: 2 is bad input, 3 a mismatch (SPEC 11). */
  readonly exitCode: 1 | 2 | 3;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    // Whatever somebody else's error says goes on to logs, /healthz and the terminal.
    super(message === '' ? ERRORS[code].sentence : withoutUsers(message), options);
    this.exitCode = code === 'CONFIG_INVALID' ? 2 : MISMATCHES.includes(code) ? 3 : 1;
  }

  get outcome(): Outcome {
    return ERRORS[this.code].outcome;
  }
}

/** Any error as one with a code; what nobody translated is UNKNOWN, which stops. */
export function asBacktrailError(error: unknown): BacktrailError {
  if (error instanceof BacktrailError) return error;
  return new BacktrailError('UNKNOWN', error instanceof Error ? error.message : String(error), { cause: error });
}

function retry(sentence: string): ErrorKind {
  return { outcome: 'retry', sentence };
}

function deadLetter(sentence: string): ErrorKind {
  return { outcome: 'dead-letter', sentence };
}

function split(sentence: string): ErrorKind {
  return { outcome: 'split', sentence };
}

function stop(sentence: string): ErrorKind {
  return { outcome: 'stop', sentence };
}
