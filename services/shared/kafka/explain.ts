import avro from 'avsc';

import { avroType } from './avro-type.js';
import type { SchemaSource } from './registry.js';
import { HEADER_BYTES, schemaIdOf } from './wire.js';

/** What can be told of a value that was refused. */
export interface Explained {
  /** Null where the value has none. */
  readonly schemaId: number | null;
  /** The fields by the schema of the writer, up to the one that cannot be read; null without schema. */
  readonly fields: Readonly<Record<string, unknown>> | null;
  /** Where reading came to its end before the value did, or after: `field` is null for what is left over. */
  readonly broken: { readonly field: string | null; readonly reason: string } | null;
  /** Why there are no fields. */
  readonly unreadable: string | null;
}

/** Reads a value with the schema that wrote it, as far as that goes. Never throws for a registry that is away. */
export async function explainValue(value: Buffer | null, source: SchemaSource): Promise<Explained> {
  const id = schemaIdOf(value);
  if (typeof id !== 'number' || value === null) {
    return { schemaId: null, fields: null, broken: null, unreadable: `the value has no schema id: ${id}` };
  }
  const answer = await source.writerSchema(id);
  if (answer.kind !== 'avro') return { schemaId: id, fields: null, broken: null, unreadable: answer.reason };
  return { schemaId: id, ...readFields(answer.type, value.subarray(HEADER_BYTES)), unreadable: null };
}

/** What avsc has as `any`. */
interface Decoded {
  readonly value: unknown;
  readonly offset: number;
}

/** Field by field, because the whole record is either there or not. */
export function readFields(writer: avro.Type, bytes: Buffer): Pick<Explained, 'fields' | 'broken'> {
  const type = plainType(writer);
  if (!(type instanceof avro.types.RecordType)) {
    return { fields: null, broken: { field: null, reason: `the schema is no record but ${type.typeName}` } };
  }
  const fields: Record<string, unknown> = {};
  let position = 0;
  for (const field of type.fields) {
    try {
      const { value, offset } = field.type.decode(bytes, position) as Decoded;
      // avsc's way to say that the bytes end before the value does.
      if (offset < 0) return { fields, broken: { field: field.name, reason: 'the bytes end before it does' } };
      fields[field.name] = value;
      position = offset;
    } catch (error) {
      return { fields, broken: { field: field.name, reason: error instanceof Error ? error.message : String(error) } };
    }
  }
  const left = bytes.length - position;
  return { fields, broken: left === 0 ? null : { field: null, reason: `${left} bytes are left over at the end` } };
}

/** With the values of unions as they are, where that is not ambiguous. */
function plainType(writer: avro.Type): avro.Type {
  try {
    return avroType(writer.schema({ exportAttrs: true }) as object);
  } catch {
    return writer;
  }
}
