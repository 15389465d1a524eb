import { avroType, writerType } from './avro-type.js';

/**
 * Why a reader with `schema` could not read data written with `released`, or null if it can. This is what the registry
 * checks in BACKWARD mode; against every released version it is BACKWARD_TRANSITIVE.
 */
export function incompatibility(schema: object, released: object): string | null {
  try {
    avroType(schema).createResolver(writerType(released));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
