import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { TOPICS, type TopicRecord, type TopicStream } from '../../../schemas/topics.js';
import { avroType, writerType } from '../../../services/shared/kafka/avro-type.js';
import type { SchemaSource, WriterSchema } from '../../../services/shared/kafka/registry.js';
import { schemaOf } from '../../../services/shared/kafka/schema-file.js';
import { packageRoot } from '../../../services/shared/package-root.js';

/** The example records of a topic, with the defaults of the fields they leave out. */
export function examples<S extends TopicStream>(stream: S): TopicRecord[S][] {
  const path = join(packageRoot(), 'schemas', 'examples', `${TOPICS[stream].topic}.json`);
  const records = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>[];
  return records.map((record) => withDefaults(stream, record) as unknown as TopicRecord[S]);
}

function withDefaults(stream: TopicStream, record: Record<string, unknown>): Record<string, unknown> {
  const full: Record<string, unknown> = {};
  for (const field of schemaOf(stream).fields) full[field.name] = record[field.name] ?? field.default ?? null;
  const { allocations } = full;
  if (!Array.isArray(allocations)) return full;
  return { ...full, allocations: allocations.map((item: object) => ({ amount: null, ...item })) };
}

/** A registry in memory: schema id to schema, or to what the registry answers instead. */
export function registryOf(schemas: Record<number, object | WriterSchema>): SchemaSource & { asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    writerSchema: (id) => {
      asked.push(id);
      const answer = schemas[id];
      if (answer === undefined) return Promise.resolve({ kind: 'unknown', reason: `no schema ${id}` });
      if ('kind' in answer) return Promise.resolve(answer);
      return Promise.resolve({ kind: 'avro', type: writerType(answer) });
    },
  };
}

/** A value in the registry's wire format, written with any schema. */
export function encodeWith(schema: object, schemaId: number, record: unknown): Buffer {
  return Buffer.concat([header(schemaId), avroType(schema).toBuffer(record)]);
}

export function header(schemaId: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeInt32BE(schemaId, 1);
  return bytes;
}
