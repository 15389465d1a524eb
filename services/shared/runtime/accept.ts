import { elapsedMs, now } from '../clock.js';
import type { Fact, RecordOf, Stream } from '../core/record.js';
import { refusal } from '../core/validate.js';
import { BacktrailError, type ErrorCode } from '../errors.js';
import type { Batch, LogRecord } from './ports.js';

/** Why a record cannot be read yet, and whether the registry answered: that it does not know the schema. */
export interface Wait {
  readonly reason: string;
  readonly answered: boolean;
}

/** As services/shared/kafka/decode.ts gives it. */
export interface Decoder<T> {
  prepare(values: Iterable<Buffer | null>): Promise<void>;
  decode(value: Buffer | null): { ok: T } | { refused: { code: ErrorCode; reason: string } } | { wait: Wait };
  /** Whether the value was written with our own schema, so that its bytes lie as that says. */
  isOurs?(value: Buffer | null): boolean;
}

/**
 * Makes rows of records as the log has them, without making records first. What it does not take goes the ordinary way,
 * and both ways lead to the same row.
 */
export interface Transcoder {
  /** Adds the row of a record written with our schema; false when only a closer look can tell what it is. */
  add(record: LogRecord, partition: number): boolean;
  /** The rows since the last call, or null when there is none. */
  take(): EncodedRows | null;
}

/** Rows as bytes: a fraction of the memory that they take as objects. */
export interface EncodedRows {
  /** A format of ClickHouse. */
  readonly format: 'Native' | 'JSONEachRow';
  /** The columns in their order; null where each row names its own. */
  readonly columns: readonly string[] | null;
  readonly rowCount: number;
  readonly bytes: Buffer;
  /** They are durable: the memory of the bytes may be used again. */
  release(): void;
}

/** A record that can never be processed, with the reason. */
export interface Refused {
  readonly record: LogRecord;
  readonly code: ErrorCode;
  readonly reason: string;
}

export interface Accepted<S extends Stream> {
  readonly facts: readonly Fact<RecordOf[S]>[];
  /** Rows of the facts that are not listed, as they need no closer look. */
  readonly encoded: EncodedRows | null;
  readonly refused: readonly Refused[];
  /** Dead letters since the last fact, those before this batch included. */
  readonly refusedRun: number;
}

/** Whether a record whose schema is missing is given up: null means wait on. Throws when the registry is away. */
export type Patience = (record: LogRecord, batch: Batch, wait: Wait) => Promise<Refused | null> | Refused | null;

export interface Acceptor<S extends Stream> {
  readonly stream: S;
  readonly decoder: Decoder<RecordOf[S]>;
  readonly patience: Patience;
  readonly transcoder?: Transcoder | undefined;
}

/**
 * Decodes and judges a batch: every record becomes a fact or is refused (SPEC 8). Throws with the outcome `retry` while
 * the schema of a record cannot be had; nothing has been written then.
 */
export async function accept<S extends Stream>(
  { stream, decoder, patience, transcoder }: Acceptor<S>,
  batch: Batch,
  refusedBefore: number,
): Promise<Accepted<S>> {
  await decoder.prepare(batch.records.map((record) => record.value));
  const facts: Fact<RecordOf[S]>[] = [];
  const refused: Refused[] = [];
  let refusedRun = refusedBefore;
  transcoder?.take(); // What a batch left behind that was not read to its end.
  for (const record of batch.records) {
    if (transcoder !== undefined && decoder.isOurs?.(record.value) && transcoder.add(record, batch.partition)) {
      refusedRun = 0;
      continue;
    }
    const judged = judge(stream, decoder, batch, record);
    const outcome = 'wait' in judged ? await givenUp(patience, record, batch, judged.wait) : judged;
    if ('code' in outcome) {
      refused.push(outcome);
      refusedRun += 1;
    } else {
      facts.push(outcome);
      refusedRun = 0;
    }
  }
  return { facts, encoded: transcoder?.take() ?? null, refused, refusedRun };
}

function judge<S extends Stream>(
  stream: S,
  decoder: Decoder<RecordOf[S]>,
  batch: Batch,
  record: LogRecord,
): Fact<RecordOf[S]> | Refused | { wait: Wait } {
  const decoded = decoder.decode(record.value);
  if ('wait' in decoded) return decoded;
  if ('refused' in decoded) return { record, ...decoded.refused };
  const refused = refusal(stream, decoded.ok, record.appendedAtMs);
  if (refused !== null) return { record, ...refused };
  const { offset, appendedAtMs } = record;
  return {
    record: decoded.ok,
    key: record.key?.toString('utf8') ?? '',
    position: { partition: batch.partition, offset, appendedAtMs },
  };
}

async function givenUp(patience: Patience, record: LogRecord, batch: Batch, wait: Wait): Promise<Refused> {
  const refused = await patience(record, batch, wait);
  if (refused === null) throw new BacktrailError('SCHEMA_NOT_KNOWN_YET', wait.reason);
  return refused;
}

/**
 * Gives a schema id up once a registry that answers has not known it for so long. Ids are waited for together: one whose record
 * came so long ago has had its time, unless the registry began only lately to answer, and may not have read all it knows.
 */
export function timedPatience(waitMs: number): Patience {
  const missedSince = new Map<string, number>();
  let answersSince: number | null = null;
  return (record, _batch, { reason, answered }) => {
    if (!answered) {
      answersSince = null;
      throw new BacktrailError('REGISTRY_UNREACHABLE', reason);
    }
    const elapsed = elapsedMs();
    const schema = record.value?.toString('hex', 1, 5) ?? '';
    const since = missedSince.get(schema) ?? elapsed;
    missedSince.set(schema, since);
    answersSince ??= elapsed;
    const isOld = now() - record.appendedAtMs >= waitMs && elapsed - answersSince >= waitMs;
    return isOld || elapsed - since >= waitMs ? { record, code: 'SCHEMA_UNKNOWN', reason } : null;
  };
}
