import type { Refused } from './accept.js';
import { gapRow, type Gap } from './gaps.js';
import type { Header, Outgoing, Producer } from './ports.js';
import type { Store } from './store.js';

interface Origin {
  readonly service: string;
  readonly topic: string;
  readonly partition: number;
}

/** What of a batch is no fact. */
interface NoFacts {
  readonly origin: Origin;
  readonly refused: readonly Refused[];
  readonly gaps: readonly Gap[];
}

/** What can never be processed goes to its topic and its table, and offsets without a record are declared. */
export async function setAside(
  batches: readonly NoFacts[],
  { store, producer, topic }: { store: Store; producer: Producer; topic: string },
): Promise<void> {
  const refused = batches.flatMap(({ origin, refused: some }) => some.map((one) => ({ one, origin })));
  const gaps = batches.flatMap((batch) => batch.gaps.map((gap) => gapRow(gap, batch.origin)));
  await producer.send(
    topic,
    refused.map(({ one, origin }) => deadLetterRecord(one, origin)),
  );
  await store.insert(
    'dead_letter_rows',
    refused.map(({ one, origin }) => deadLetterRow(one, origin)),
  );
  await store.insert('gap_rows', gaps);
}

/** The record as it goes to `<topic>.dlq`: untouched, with Kafka Connect's context headers behind its own. */
export function deadLetterRecord({ record, code, reason }: Refused, origin: Origin): Outgoing {
  const context: Record<string, string> = {
    topic: origin.topic,
    partition: String(origin.partition),
    offset: String(record.offset),
    'connector.name': `backtrail.${origin.service}`,
    stage: STAGES[code] ?? 'VALUE_CONVERTER',
    'class.name': 'backtrail',
    'exception.class.name': code,
    'exception.message': reason,
  };
  const headers = Object.entries(context).map(([name, value]): Header => ({
    name: `__connect.errors.${name}`,
    value: Buffer.from(value),
  }));
  return { key: record.key, value: record.value, headers: [...record.headers, ...headers] };
}

// Connect's names of the stages: what was refused after decoding failed in the transformation.
const STAGES: Readonly<Record<string, string>> = Object.fromEntries(
  ['INVALID_AMOUNT', 'INVALID_ID', 'INVALID_TRAFFIC', 'INVALID_TIME', 'MISSING_FIELD'].map((code) => [
    code,
    'TRANSFORMATION',
  ]),
);

/** The same as a row of `dead_letter_rows`; bytes travel as base64, because JSON cannot carry them. */
export function deadLetterRow({ record, code, reason }: Refused, origin: Origin): object {
  const base64 = (bytes: Buffer | null): string | null => bytes?.toString('base64') ?? null;
  return {
    topic: origin.topic,
    partition: origin.partition,
    offset: record.offset.toString(),
    appended_at: record.appendedAtMs,
    service: origin.service,
    code,
    reason,
    key_base64: base64(record.key),
    value_base64: base64(record.value),
    headers_base64: record.headers.map(({ name, value }) => ({ name, value: base64(value) })),
  };
}
