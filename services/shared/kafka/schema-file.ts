import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { TOPICS, type TopicStream } from '../../../schemas/topics.js';
import { packageRoot } from '../package-root.js';

export type AvroNode = string | AvroNode[] | AvroSchemaNode;
/** A parsed .avsc, as far as our own schemas go. */
export interface AvroSchemaNode {
  type: AvroNode;
  name?: string;
  namespace?: string;
  logicalType?: string;
  aliases?: string[];
  items?: AvroNode;
  values?: AvroNode;
  symbols?: string[];
  default?: unknown;
  fields?: AvroField[];
}
export interface AvroField {
  name: string;
  type: AvroNode;
  default?: unknown;
  doc?: string;
}
/** A schema whose root is a record, as all of ours are. */
export interface AvroRecordSchema extends AvroSchemaNode {
  name: string;
  fields: AvroField[];
}

/** The schema a stream's records are read with and written with. */
export function schemaOf(stream: TopicStream): AvroRecordSchema {
  const path = join(packageRoot(), 'schemas', TOPICS[stream].schemaFile);
  return JSON.parse(readFileSync(path, 'utf8')) as AvroRecordSchema;
}
