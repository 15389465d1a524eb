import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import type { Duplex } from 'node:stream';

import avro from 'avsc';

import { BacktrailError } from '../shared/errors.js';
import type { TimedRecord } from '../shared/kafka/span-reader.js';

/**
 * A record of the log as a file of the archive has it. The value is what lay in the topic, byte for byte, the header with its
 * schema id included: whoever reads it back reads the same record.
 */
export const RECORD_SCHEMA = {
  type: 'record',
  name: 'LogRecord',
  namespace: 'backtrail.archive.v1',
  doc: 'One record of a Kafka partition, untouched.',
  fields: [
    { name: 'offset', type: 'long', doc: 'Its offset in the partition.' },
    {
      name: 'timestamp',
      type: { type: 'long', logicalType: 'timestamp-millis' },
      doc: 'The time that the log has for it: the append time where the type says so.',
    },
    {
      name: 'timestamp_type',
      type: { type: 'enum', name: 'TimestampType', symbols: ['CREATE_TIME', 'LOG_APPEND_TIME'] },
      doc: 'Who said the timestamp: the producer, or the broker when it appended the record.',
    },
    { name: 'key', type: ['null', 'bytes'], doc: 'The key.' },
    {
      name: 'value',
      type: ['null', 'bytes'],
      doc: 'The value with its header: a zero byte, and the id of its schema in the registry in four bytes.',
    },
    {
      name: 'headers',
      doc: 'The headers.',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Header',
          fields: [
            { name: 'name', type: 'string', doc: 'Its name.' },
            { name: 'value', type: ['null', 'bytes'], doc: 'Its value.' },
          ],
        },
      },
    },
  ],
} as const;

/** As avsc has it: its longs are numbers, and it throws for those that are not exact. */
interface FileRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly timestamp_type: TimedRecord['timeType'];
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly name: string; readonly value: Buffer | null }[];
}

const SYNC_BYTES = 16;
/** Of records before compression; what a reader has in memory at once. */
const BLOCK_BYTES = 65_536;

/**
 * A stream that takes records and gives the bytes of a file.
 * @param name what the file is about, in its header. Files of the same name and records have the same bytes.
 * @param mark any bytes, of which the marker between blocks is made
 */
export function recordEncoder(name: string, mark: Buffer): Duplex {
  const options = {
    codec: 'deflate',
    blockSize: BLOCK_BYTES,
    // Also of a range that holds no record at all.
    writeHeader: true,
    syncMarker: mark.subarray(0, SYNC_BYTES),
    metadata: { 'backtrail.name': Buffer.from(name) },
  };
  return guarded(new avro.streams.BlockEncoder(RECORD_SCHEMA as unknown as avro.Schema, options));
}

export function toFileRecord({ offset, appendedAtMs, timeType, key, value, headers }: TimedRecord): object {
  const record: FileRecord = {
    offset: Number(offset),
    timestamp: appendedAtMs,
    timestamp_type: timeType,
    key,
    value,
    headers,
  };
  return record;
}

/** The records of a file in their order. Throws ARCHIVE_DAMAGED where it is no file of records. */
export async function* recordsIn(path: string): AsyncGenerator<TimedRecord> {
  const decoder = guarded(new avro.streams.BlockDecoder());
  // What goes wrong reaches whoever reads the decoder.
  pipeline(createReadStream(path), decoder, () => undefined);
  try {
    for await (const one of decoder as AsyncIterable<FileRecord>) {
      const { offset, timestamp, timestamp_type: timeType, key, value, headers } = one;
      yield {
        offset: BigInt(offset),
        appendedAtMs: timestamp,
        timeType,
        key,
        value,
        headers: headers.length === 0 ? NO_HEADERS : headers.map((header) => ({ ...header })),
      };
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BacktrailError('ARCHIVE_DAMAGED', `${path} cannot be read as records: ${reason}`, { cause });
  } finally {
    decoder.destroy();
  }
}

const NO_HEADERS: TimedRecord['headers'] = [];

/** avsc may find something wrong when nobody listens to the stream any more, which would end the process. */
function guarded(stream: Duplex): Duplex {
  return stream.on('error', () => undefined);
}
