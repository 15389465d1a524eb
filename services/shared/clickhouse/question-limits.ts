import { ClickHouseError, type ClickHouseSettings } from '@clickhouse/client';

import type { QuestionLimits } from '../config.js';
import { BacktrailError } from '../errors.js';

const MS_PER_SECOND = 1_000;

/** Sent with every statement of a question. Also a user who may write can change nothing by asking. */
export function questionSettings(limits: QuestionLimits): ClickHouseSettings {
  return {
    // 2 and not 1: format and limits are settings of the request too, and 1 forbids to change any.
    readonly: '2',
    max_execution_time: limits.timeMaxMs / MS_PER_SECOND,
    max_memory_usage: String(limits.memoryBytesMax),
    max_rows_to_read: String(limits.readRowsMax),
    max_result_rows: String(limits.resultRowsMax),
    // Half of an answer is no answer.
    timeout_overflow_mode: 'throw',
    read_overflow_mode: 'throw',
    result_overflow_mode: 'throw',
  };
}

// TOO_MANY_ROWS, TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES
const LIMIT_REACHED = ['158', '159', '160', '241', '307', '396'];
/** What the server as a whole, or a user with all queries, has no room for is nobody's own fault, and passes. */
const OF_OTHERS_TOO = /\(total\)|\(for user\)|total memory limit/i;

/** The error of a question that reached one of its limits, as such; any other as it is. */
export function withLimitsNamed(error: unknown): unknown {
  let cause = error;
  while (cause instanceof BacktrailError) cause = cause.cause;
  if (!(cause instanceof ClickHouseError) || !LIMIT_REACHED.includes(cause.code)) return error;
  if (OF_OTHERS_TOO.test(cause.message)) return error;
  const message = `${cause.type ?? 'error'} ${cause.code}: ${cause.message}`;
  return new BacktrailError('QUESTION_TOO_LARGE', message, { cause: error });
}
