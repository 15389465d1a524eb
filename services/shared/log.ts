import { destination, pino, type Logger } from 'pino';

import type { LogLevel } from './config.js';
import { hiding } from './redact.js';

/**
 * JSON lines on stderr; stdout is for data. A healthy service says when it starts and when it ends, and little else. No line
 * has one of the secrets in it, or an address with a user and password, whoever put it there. Lines that a full disk does not
 * take are kept, some of them, until it does: that is no reason to end.
 */
export function createLog(
  level: LogLevel,
  bindings: Readonly<Record<string, string>> = {},
  secrets: readonly string[] = [],
): Logger {
  const stream = destination({ fd: 2, sync: true, maxLength: KEPT_BYTES_MAX });
  stream.on('error', () => undefined);
  return pino(
    {
      level,
      base: bindings,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields },
      hooks: { streamWrite: hiding(secrets) },
    },
    stream,
  );
}

const CAUSES_MAX = 5;
const KEPT_BYTES_MAX = 1_000_000;

/** Only what says something to everybody: libraries hang whole requests, with their headers, on errors. */
function errorFields(error: unknown, depth = 0): object | string {
  if (!(error instanceof Error)) return String(error);
  const { name, message, stack, cause } = error;
  const code =
    'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? error.code : null;
  return {
    type: name,
    message,
    ...(code === null ? {} : { code }),
    stack,
    ...(cause === undefined || depth >= CAUSES_MAX ? {} : { cause: errorFields(cause, depth + 1) }),
  };
}

export type { Logger } from 'pino';
