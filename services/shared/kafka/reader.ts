import avro from 'avsc';

import { avroType, MillisType } from './avro-type.js';
import type { AvroField, AvroNode, AvroRecordSchema, AvroSchemaNode } from './schema-file.js';

/** How the bytes of one writer schema become records of ours. */
export interface Reader {
  /** Throws if the bytes are not a record of the writer's schema, or not wholly used up by it. */
  read(bytes: Buffer): Record<string, unknown>;
}

/** The writer's schema can never give records of ours; `message` says why. */
export class SchemaIncompatibleError extends Error {}

/** Stands for an enum symbol we do not have. No schema of ours may use it as a symbol. */
const UNKNOWN_SYMBOL = 'BACKTRAIL_UNKNOWN_SYMBOL';

/**
 * The reader of one writer schema. A registry in BACKWARD_TRANSITIVE mode lets writers add symbols to an enum, make a
 * field nullable and rename records; what matters then is the single record, so those are judged record by record.
 * Throws SchemaIncompatibleError if no record of this writer could be read.
 */
export function readerFor(schema: AvroRecordSchema, ours: avro.Type, writer: avro.Type): Reader {
  if (!(writer instanceof avro.types.RecordType)) {
    throw new SchemaIncompatibleError(`the writer's schema is no record but ${writer.typeName}`);
  }
  const missing = missingFields(schema, writer);
  if (missing.length > 0) {
    throw new SchemaIncompatibleError(`the writer's schema lacks the required ${missing.join(', ')}`);
  }
  const checks: Checks = { enums: [], required: [] };
  const adapted = adaptRoot(schema, writer, checks);
  if (ours.equals(writer)) return { read: (bytes) => ours.fromBuffer(bytes) as Record<string, unknown> };

  const type = avroType(adapted);
  const resolver = createResolver(type, writer);
  return {
    read: (bytes) => {
      const record = type.fromBuffer(bytes, resolver) as Record<string, unknown>;
      for (const name of checks.enums) {
        if (record[name] === UNKNOWN_SYMBOL) throw new Error(`${name} has a symbol that this version does not know`);
      }
      for (const name of checks.required) {
        if (record[name] === null) throw new Error(`${name} is required, and null`);
      }
      return record;
    },
  };
}

interface Checks {
  readonly enums: string[];
  readonly required: string[];
}

function missingFields(schema: AvroRecordSchema, writer: avro.types.RecordType): string[] {
  const written = new Set(writer.fields.map((field) => field.name));
  return schema.fields.filter((field) => !('default' in field) && !written.has(field.name)).map((field) => field.name);
}

function createResolver(type: avro.Type, writer: avro.Type): ReturnType<avro.Type['createResolver']> {
  try {
    return type.createResolver(writer, { ignoreNamespaces: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new SchemaIncompatibleError(`the writer's schema cannot be read as ours: ${message}`, { cause: error });
  }
}

function adaptRoot(schema: AvroRecordSchema, writer: avro.types.RecordType, checks: Checks): AvroSchemaNode {
  const fields = schema.fields.map((field): AvroField => {
    const written = writer.fields.find((candidate) => candidate.name === field.name);
    if (written === undefined) return field;
    const type = adapt(field.type, written.type, field.name);
    if (isNode(field.type) && field.type.type === 'enum') checks.enums.push(field.name);
    if (Array.isArray(field.type) || 'default' in field || !mayBeNull(written.type)) return { ...field, type };
    checks.required.push(field.name);
    return { ...field, type: [type, 'null'] };
  });
  return { ...schema, fields, ...aliasOf(writer) };
}

/** Our schema node with the writer's names as aliases and room for symbols of enums that we do not have. */
function adapt(ours: AvroNode, writer: avro.Type, path: string): AvroNode {
  if (Array.isArray(ours)) {
    return ours.map((branch) => (branch === 'null' ? branch : adapt(branch, writer, path)));
  }
  const written = branchesOf(writer);
  if (!isNode(ours)) return ours;
  if (ours.logicalType === 'timestamp-micros' && written.some((branch) => branch instanceof MillisType)) {
    throw new SchemaIncompatibleError(`${path} is written in milliseconds; this topic has microseconds`);
  }
  for (const branch of written) {
    if (ours.type === 'enum' && branch instanceof avro.types.EnumType) {
      const symbols = [...(ours.symbols ?? []), UNKNOWN_SYMBOL];
      return { ...ours, symbols, default: UNKNOWN_SYMBOL, ...aliasOf(branch) };
    }
    if (ours.type === 'record' && branch instanceof avro.types.RecordType) {
      const fields = (ours.fields ?? []).map((field) => {
        const type = branch.fields.find((candidate) => candidate.name === field.name)?.type;
        return type === undefined ? field : { ...field, type: adapt(field.type, type, `${path}.${field.name}`) };
      });
      return { ...ours, fields, ...aliasOf(branch) };
    }
    if (ours.items !== undefined && branch instanceof avro.types.ArrayType) {
      return { ...ours, items: adapt(ours.items, branch.itemsType, path) };
    }
  }
  return ours;
}

function branchesOf(type: avro.Type): readonly avro.Type[] {
  return type instanceof avro.types.WrappedUnionType ? type.types : [type];
}

function mayBeNull(type: avro.Type): boolean {
  return branchesOf(type).some((branch) => branch.typeName === 'null');
}

function aliasOf(type: avro.Type): { aliases?: string[] } {
  return type.name === undefined ? {} : { aliases: [type.name] };
}

function isNode(node: AvroNode): node is AvroSchemaNode {
  return typeof node === 'object' && !Array.isArray(node);
}
