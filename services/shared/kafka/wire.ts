/**
 * Confluent's wire format:
 *
 *   | 0 | schema id, 4 bytes, big endian | Avro |
 */
export const HEADER_BYTES = 5;
const MAGIC = 0;

export type WireFault = 'EMPTY_VALUE' | 'UNKNOWN_MAGIC' | 'NOT_AVRO';

/** The schema id a value starts with, or why it has none. */
export function schemaIdOf(value: Buffer | null): number | WireFault {
  if (value === null || value.length === 0) return 'EMPTY_VALUE';
  if (value[0] !== MAGIC) return 'UNKNOWN_MAGIC';
  if (value.length < HEADER_BYTES) return 'NOT_AVRO';
  return value.readInt32BE(1);
}

export function writeHeader(target: Buffer, schemaId: number): void {
  target[0] = MAGIC;
  target.writeInt32BE(schemaId, 1);
}
