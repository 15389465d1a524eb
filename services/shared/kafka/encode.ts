import type { TopicRecord, TopicStream } from '../../../schemas/topics.js';
import { avroType } from './avro-type.js';
import { schemaOf } from './schema-file.js';
import { HEADER_BYTES, writeHeader } from './wire.js';

/** Encodes records of one topic under the id its schema has in the registry. */
export interface ValueEncoder<T> {
  /** Throws RecordInvalidError for a record that is not of the topic's schema; fields that are null may be left out. */
  encode(record: T): Buffer;
}

/** A record cannot be written with its topic's schema. `fields` are the paths of what does not fit. */
export class RecordInvalidError extends Error {
  constructor(
    message: string,
    readonly fields: readonly string[],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const INITIAL_BYTES = 64 * 1024;

export function valueEncoder<S extends TopicStream>(stream: S, schemaId: number): ValueEncoder<TopicRecord[S]> {
  const type = avroType(schemaOf(stream));
  // Written into one reused buffer and copied out at its exact size: most records have a few hundred bytes.
  let scratch = Buffer.allocUnsafe(INITIAL_BYTES);
  writeHeader(scratch, schemaId);

  function write(record: TopicRecord[S]): number {
    try {
      return type.encode(record, scratch, HEADER_BYTES);
    } catch (error) {
      throw invalid(stream, type, record, error);
    }
  }

  return {
    encode(record) {
      let end = write(record);
      if (end < 0) {
        // Negative is the number of bytes that were missing.
        scratch = Buffer.allocUnsafe(scratch.length - end);
        writeHeader(scratch, schemaId);
        end = write(record);
      }
      return Buffer.from(scratch.subarray(0, end));
    },
  };
}

function invalid(stream: TopicStream, type: ReturnType<typeof avroType>, record: unknown, cause: unknown): Error {
  const fields: string[] = [];
  type.isValid(record, { errorHook: (path) => fields.push(path.join('.')) });
  const where = fields.length > 0 ? `: ${fields.join(', ')}` : '';
  return new RecordInvalidError(`the record does not fit the schema of ${stream}${where}`, fields, { cause });
}
