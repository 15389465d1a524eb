import type { ClickHouse } from '../clickhouse/client.js';
import { timeLimit } from '../clock.js';
import type { BacktrailError } from '../errors.js';
import { chunksOf, type BatchProducer } from '../kafka/producer.js';
import { retrying } from './retry.js';

export interface Patience {
  readonly signal: AbortSignal;
  /** Told once per outage that somebody waits. */
  readonly say?: ((sentence: string) => void) | undefined;
  readonly limitMs?: number;
}

/** What is started again by somebody is back by then. */
export const OUTAGE_MAX_MS = 300_000;
const INITIAL_MS = 100;
const MAX_MS = 2_000;

/** For commands: an outage is waited out, but not for ever. What is tried must not mind that it was done already. */
export async function patiently<T>(action: () => Promise<T>, { signal, say, limitMs }: Patience): Promise<T> {
  const limit = timeLimit(limitMs ?? OUTAGE_MAX_MS, signal);
  try {
    return await retrying(action, {
      initialMs: INITIAL_MS,
      maxMs: MAX_MS,
      signal: limit.signal,
      onRetry: (error: BacktrailError, attempt) => {
        if (attempt === 3) say?.(`Waiting: ${error.message}`);
      },
    });
  } finally {
    limit.end();
  }
}

/** The same database, whose statements wait for it. An insert may be there twice then: only for rows that have an identity. */
export function patientClickHouse(database: ClickHouse, patience: Patience): ClickHouse {
  return {
    database: database.database,
    select: (sql, params) => patiently(() => database.select(sql, params), patience),
    selectNative: (sql, params) => patiently(() => database.selectNative(sql, params), patience),
    insert: (table, rows) => patiently(() => database.insert(table, rows), patience),
    insertBytes: (table, encoding, blocks) => patiently(() => database.insertBytes(table, encoding, blocks), patience),
    command: (sql, params) => patiently(() => database.command(sql, params), patience),
    close: () => database.close(),
  };
}

/** The same producer, which must be an idempotent one, part by part: what was acknowledged is not sent again. */
export function patientProducer(producer: BatchProducer, patience: Patience): BatchProducer {
  return {
    send: async (topic, records) => {
      for (const chunk of chunksOf(records)) await patiently(() => producer.send(topic, chunk), patience);
    },
    close: () => producer.close(),
  };
}
