import type avro from 'avsc';

import type { TopicRecord, TopicStream } from '../../../schemas/topics.js';
import type { Wait } from '../runtime/accept.js';
import { avroType } from './avro-type.js';
import { readerFor, SchemaIncompatibleError, type Reader } from './reader.js';
import type { SchemaSource } from './registry.js';
import { type AvroRecordSchema, schemaOf } from './schema-file.js';
import { holdsInventedText } from './text.js';
import { HEADER_BYTES, schemaIdOf, type WireFault } from './wire.js';

/** Why a value can never become a record. */
export type RefusalCode = WireFault | 'UNDECODABLE' | 'SCHEMA_INCOMPATIBLE';

/**
 * The three outcomes of decoding a value. `wait` is never a dead letter: the registry answered that it does not know the
 * schema id yet, or is away; call `prepare` again.
 */
export type Decoded<T> =
  | { readonly ok: T }
  | { readonly refused: { readonly code: RefusalCode; readonly reason: string } }
  | { readonly wait: Wait };

/** Decodes the values of one topic. */
export interface ValueDecoder<T> {
  /** Loads the schemas of a batch that are not known yet. Never throws for a registry that is away. */
  prepare(values: Iterable<Buffer | null>): Promise<void>;
  /** Synchronous; to be preceded by a `prepare` that saw this value. The record shares no memory with the value. */
  decode(value: Buffer | null): Decoded<T>;
  /** Whether the writer of the value had our own schema: its bytes then lie as that says. After a `prepare`, too. */
  isOurs(value: Buffer | null): boolean;
}

const FAULTS: Record<WireFault, string> = {
  EMPTY_VALUE: 'the record has no value',
  UNKNOWN_MAGIC: 'the value does not start with the byte 0 of the schema registry format',
  NOT_AVRO: `the value ends before the schema id: it has fewer than ${HEADER_BYTES} bytes`,
};

type Entry = { readonly reader: Reader; readonly isOurs: boolean } | { readonly unusable: string };

export function valueDecoder<S extends TopicStream>(stream: S, source: SchemaSource): ValueDecoder<TopicRecord[S]> {
  const schema = schemaOf(stream);
  const ours = avroType(schema);
  const known = new Map<number, Entry>();
  const waiting = new Map<number, Wait>();
  let oursLast: number | WireFault | null = null;

  async function load(id: number): Promise<'loaded' | 'unreachable'> {
    const answer = await source.writerSchema(id);
    if (answer.kind === 'avro') known.set(id, entryFor(schema, ours, answer.type));
    else if (answer.kind === 'unusable') known.set(id, { unusable: answer.reason });
    else waiting.set(id, { reason: answer.reason, answered: answer.kind === 'unknown' });
    return answer.kind === 'unreachable' ? 'unreachable' : 'loaded';
  }

  return {
    async prepare(values) {
      const missing = new Set<number>();
      let last: number | WireFault = 'EMPTY_VALUE';
      for (const value of values) {
        const id = schemaIdOf(value);
        if (id === last) continue;
        last = id;
        if (typeof id === 'number' && !known.has(id)) missing.add(id);
      }
      waiting.clear();
      // One after the other: a topic has few schemas, and a registry that is away need not be asked for each.
      for (const id of missing) {
        if ((await load(id)) === 'unreachable') break;
      }
    },

    decode(value) {
      const id = schemaIdOf(value);
      if (typeof id !== 'number' || value === null) {
        const code = typeof id === 'number' ? 'EMPTY_VALUE' : id;
        return { refused: { code, reason: FAULTS[code] } };
      }
      const entry = known.get(id);
      if (entry === undefined)
        return { wait: waiting.get(id) ?? { reason: `schema ${id} is not loaded yet`, answered: false } };
      if ('unusable' in entry) return { refused: { code: 'SCHEMA_INCOMPATIBLE', reason: entry.unusable } };
      return read(entry.reader, value, id) as Decoded<TopicRecord[S]>;
    },

    isOurs(value) {
      const id = schemaIdOf(value);
      if (id === oursLast) return true;
      const entry = typeof id === 'number' ? known.get(id) : undefined;
      const isOurs = entry !== undefined && 'reader' in entry && entry.isOurs;
      if (isOurs) oursLast = id;
      return isOurs;
    },
  };
}

function entryFor(schema: AvroRecordSchema, ours: avro.Type, writer: avro.Type): Entry {
  try {
    return { reader: readerFor(schema, ours, writer), isOurs: ours.equals(writer) };
  } catch (error) {
    if (error instanceof SchemaIncompatibleError) return { unusable: error.message };
    throw error;
  }
}

function read(reader: Reader, value: Buffer, schemaId: number): Decoded<Record<string, unknown>> {
  const bytes = value.subarray(HEADER_BYTES);
  try {
    const record = reader.read(bytes);
    if (holdsInventedText(record, bytes)) {
      return { refused: { code: 'UNDECODABLE', reason: `not a record of schema ${schemaId}: text is not UTF-8` } };
    }
    return { ok: record };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { refused: { code: 'UNDECODABLE', reason: `not a record of schema ${schemaId}: ${message}` } };
  }
}
