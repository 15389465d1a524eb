import { writerType } from '../shared/kafka/avro-type.js';
import type { SchemaSource, WriterSchema } from '../shared/kafka/registry.js';
import type { SchemaText } from '../shared/kafka/registry-rest.js';

/**
 * The schemas that travelled with an archive; the registry is asked for others only. An id that the registry did not know
 * when the archive was made counts as unknown while nobody can be asked.
 */
export function archivedSchemas(
  schemas: Readonly<Record<string, SchemaText>>,
  { unknown, registry }: { readonly unknown: ReadonlySet<string>; readonly registry: SchemaSource },
): SchemaSource {
  const known = new Map<number, WriterSchema>();
  return {
    async writerSchema(id) {
      const text = schemas[String(id)];
      if (text !== undefined) {
        const found = known.get(id) ?? writerSchemaOf(id, text);
        known.set(id, found);
        return found;
      }
      const answer = await registry.writerSchema(id);
      if (answer.kind !== 'unreachable' || !unknown.has(String(id))) return answer;
      return { kind: 'unknown', reason: `schema ${id} was not known to the registry when it was archived` };
    },
  };
}

/** As the registry's client judges it. */
export function writerSchemaOf(id: number, { type, schema, references }: SchemaText): WriterSchema {
  if (type !== 'AVRO') return { kind: 'unusable', reason: `schema ${id} is not Avro` };
  try {
    const parsed = (text: string): object => JSON.parse(text) as object;
    return { kind: 'avro', type: writerType(parsed(schema), references.map(parsed)) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'unusable', reason: `schema ${id} cannot be used: ${message}` };
  }
}
