import { destination, pino, type Logger } from 'pino';

import type { LogLevel } from './config.js';

/** JSON lines on stderr; stdout is for data. A healthy service says when it starts and when it ends, and little else. */
export function createLog(level: LogLevel, bindings: Readonly<Record<string, string>> = {}): Logger {
  return pino(
    {
      level,
      base: bindings,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.errWithCause },
    },
    destination({ fd: 2, sync: true }),
  );
}

export type { Logger } from 'pino';
