import avro from 'avsc';

/** The part of avsc's cursor that reading needs. avsc has no public name for it. */
interface Tap {
  readonly buf: Buffer;
  readonly pos: number;
  readLong(): number;
  skipLong(): void;
  readString(): string;
  skipString(): void;
}
interface Reads {
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
}

/**
 * avsc notices the end of the bytes only after it has read everything, so a corrupt count of a thousand million items
 * would be read from nowhere until memory is full. Here a count may not exceed the bytes that are left. (An array of
 * nulls may, by Avro's rules; none of our schemas has one.)
 */
function readCount(tap: Tap): number {
  let count = tap.readLong();
  if (count < 0) {
    count = -count;
    tap.skipLong(); // The block's size in bytes, which only matters to those who skip it.
  }
  if (count > tap.buf.length - tap.pos) throw new Error('more items are announced than bytes are left');
  return count;
}

class BoundedArrayType extends avro.types.ArrayType {
  /** `this` is the type itself or a resolver that borrows the function; both have `itemsType`. */
  _read(this: { itemsType: Reads }, tap: Tap): unknown[] {
    const items: unknown[] = [];
    for (let count = readCount(tap); count > 0; count = readCount(tap)) {
      while (count-- > 0) items.push(this.itemsType._read(tap));
    }
    return items;
  }

  _skip(this: { itemsType: Reads }, tap: Tap): void {
    for (let count = readCount(tap); count > 0; count = readCount(tap)) {
      while (count-- > 0) this.itemsType._skip(tap);
    }
  }
}

class BoundedMapType extends avro.types.MapType {
  _read(this: { valuesType: Reads }, tap: Tap): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    for (let count = readCount(tap); count > 0; count = readCount(tap)) {
      while (count-- > 0) {
        const key = tap.readString();
        const value = this.valuesType._read(tap);
        // A plain assignment to this one key would be lost without a word, and names are anybody's choice.
        if (key === '__proto__') Object.defineProperty(map, key, { value, ...ORDINARY });
        else map[key] = value;
      }
    }
    return map;
  }

  _skip(this: { valuesType: Reads }, tap: Tap): void {
    for (let count = readCount(tap); count > 0; count = readCount(tap)) {
      while (count-- > 0) {
        tap.skipString();
        this.valuesType._skip(tap);
      }
    }
  }
}

const ORDINARY = { writable: true, enumerable: true, configurable: true };

/** Marks a writer's milliseconds, which would otherwise be read as microseconds without a word. */
export class MillisType extends avro.types.LogicalType {
  protected override _fromValue(value: unknown): unknown {
    return value;
  }
  protected override _toValue(value: unknown): unknown {
    return value;
  }
}

/**
 * Options for the types of foreign writers. They are only read through, never turned into values, so their unions may
 * be wrapped: unwrapped, a legal union like int or long would be refused as ambiguous. A fresh object each time,
 * because avsc keeps the names it has seen in it.
 */
export function writerOptions(): Partial<avro.ForSchemaOptions> {
  return {
    omitRecordMethods: true,
    wrapUnions: 'always',
    logicalTypes: { 'timestamp-millis': MillisType },
    typeHook: (schema, options) => {
      const kind = (schema as { type?: unknown }).type;
      if (kind === 'array') return new BoundedArrayType(schema, options);
      if (kind === 'map') return new BoundedMapType(schema, options);
      return undefined;
    },
  };
}

/**
 * The type of a writer's schema, as the registry client makes it.
 * @param referred what it names, each behind what it names itself
 */
export function writerType(schema: object, referred: readonly object[] = []): avro.Type {
  const options = writerOptions();
  for (const one of referred) avro.Type.forSchema(one as avro.Schema, options);
  return avro.Type.forSchema(schema as avro.Schema, options);
}

/** A type whose decoded records are plain objects. */
export function avroType(schema: object): avro.Type {
  const type = avro.Type.forSchema(schema as avro.Schema, { ...writerOptions(), wrapUnions: 'never' });
  makeRecordsPlain(type);
  return type;
}

/**
 * avsc builds each record with a constructor made for it, which is what makes it fast. Records are data: with this
 * prototype they equal object literals and can be cloned and compared like them.
 */
function makeRecordsPlain(type: avro.Type): void {
  if (type instanceof avro.types.RecordType) {
    Object.defineProperty(type.recordConstructor, 'prototype', { value: Object.prototype });
    for (const field of type.fields) makeRecordsPlain(field.type);
  } else if (type instanceof avro.types.ArrayType) {
    makeRecordsPlain(type.itemsType);
  } else if (type instanceof avro.types.MapType) {
    makeRecordsPlain(type.valuesType as avro.Type);
  } else if (type instanceof avro.types.UnwrappedUnionType) {
    for (const branch of type.types) makeRecordsPlain(branch);
  }
}
