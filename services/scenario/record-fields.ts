import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../shared/package-root.js';
import type { Stream } from '../shared/core/record.js';

/** A field of a record, as its schema has it. */
export interface Field {
  readonly name: string;
  readonly required: boolean;
  readonly defaultValue: unknown;
  readonly shape: Shape;
}

export type Shape =
  | { readonly kind: 'string' | 'time' | 'integer' }
  | { readonly kind: 'enum'; readonly symbols: readonly string[] }
  | { readonly kind: 'array'; readonly items: Shape }
  | { readonly kind: 'shares' }
  | { readonly kind: 'record'; readonly fields: readonly Field[] };

type AvroType = string | AvroType[] | ({ type: AvroType; logicalType?: string } & Record<string, unknown>);
interface AvroField {
  name: string;
  type: AvroType;
  default?: unknown;
}

const fieldsOfStream = new Map<Stream, readonly Field[]>();

/** The fields of a topic's records, read from its schema: the only source of field names. */
export function recordFields(stream: Stream): readonly Field[] {
  let fields = fieldsOfStream.get(stream);
  if (fields === undefined) {
    const file = join(packageRoot(), 'schemas', `opengradient.${stream}.v1.avsc`);
    const schema = JSON.parse(readFileSync(file, 'utf8')) as { fields: AvroField[] };
    fields = schema.fields.map(fieldOf);
    fieldsOfStream.set(stream, fields);
  }
  return fields;
}

function fieldOf({ name, type, default: defaultValue }: AvroField): Field {
  return { name, required: defaultValue === undefined, defaultValue, shape: shapeOf(type) };
}

function shapeOf(type: AvroType): Shape {
  if (Array.isArray(type)) return shapeOf(type.find((branch) => branch !== 'null') ?? 'string');
  if (typeof type === 'string') return { kind: type === 'int' || type === 'long' ? 'integer' : 'string' };
  if (type.logicalType === 'timestamp-micros') return { kind: 'time' };
  switch (type.type) {
    case 'enum':
      return { kind: 'enum', symbols: type['symbols'] as string[] };
    case 'array':
      return { kind: 'array', items: shapeOf(type['items'] as AvroType) };
    case 'map':
      return { kind: 'shares' };
    case 'record':
      return { kind: 'record', fields: (type['fields'] as AvroField[]).map(fieldOf) };
    default:
      return shapeOf(type.type);
  }
}

/** A value that its field cannot hold, with the path of the field. */
export class FieldError extends Error {
  override readonly name = 'FieldError';
  readonly path: readonly (string | number)[];

  constructor(path: readonly (string | number)[], message: string) {
    super(message);
    this.path = path;
  }
}

/**
 * Fills a record's fields from a plain object: numbers become the strings that money is, times are read by `parseTime`.
 * What is missing takes the schema's default.
 *
 * @throws FieldError for unknown and missing fields, and for values that the field cannot hold
 */
export function fillFields(
  fields: readonly Field[],
  given: Readonly<Record<string, unknown>>,
  parseTime: (text: string) => number | null,
): Record<string, unknown> {
  const names = new Set(fields.map(({ name }) => name));
  const unknown = Object.keys(given).find((name) => !names.has(name));
  if (unknown !== undefined) throw new FieldError([unknown], `${unknown} is not a field of this topic`);
  const record: Record<string, unknown> = {};
  for (const { name, required, defaultValue, shape } of fields) {
    const value = given[name] ?? null;
    if (value !== null) record[name] = fill(shape, value, [name], parseTime);
    else if (required) throw new FieldError([name], `${name} is missing`);
    else record[name] = structuredClone(defaultValue);
  }
  return record;
}

function fill(
  shape: Shape,
  value: unknown,
  path: readonly (string | number)[],
  parseTime: (text: string) => number | null,
): unknown {
  switch (shape.kind) {
    case 'string':
      if (isScalar(value)) return String(value);
      break;
    case 'time': {
      const micros = typeof value === 'string' ? parseTime(value) : Number(value);
      if (micros !== null && Number.isSafeInteger(micros)) return micros;
      throw new FieldError(path, `${path.join('.')} is not a time: ${JSON.stringify(value, bigintAsString)}`);
    }
    case 'integer':
      if (typeof value === 'bigint' || Number.isSafeInteger(value)) return Number(value);
      break;
    case 'enum':
      if (typeof value === 'string' && shape.symbols.includes(value)) return value;
      throw new FieldError(path, `${path.join('.')} is none of ${shape.symbols.join(', ')}`);
    case 'array':
      if (Array.isArray(value)) return value.map((item, i) => fill(shape.items, item, [...path, i], parseTime));
      break;
    case 'shares':
      if (isObject(value)) {
        // Shares stay as written: one that is no integer is refused as a record, not as a file (SPEC 8).
        const wrong = Object.keys(value).find((key) => !['number', 'bigint'].includes(typeof value[key]));
        if (wrong !== undefined)
          throw new FieldError([...path, wrong], `${path.join('.')} has a share that is no number`);
        return Object.fromEntries(Object.entries(value).map(([key, share]) => [key, Number(share)]));
      }
      break;
    case 'record':
      if (isObject(value)) return fillFields(shape.fields, value, parseTime);
      break;
  }
  throw new FieldError(path, `${path.join('.')} is not ${ARTICLE[shape.kind]}`);
}

const ARTICLE = {
  string: 'a text',
  integer: 'a number',
  array: 'a list',
  shares: 'a map of release to basis points',
  record: 'an object',
};

function isScalar(value: unknown): value is string | number | bigint | boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bigintAsString(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
