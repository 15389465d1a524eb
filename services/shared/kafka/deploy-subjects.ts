import { COMPATIBILITY, type SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';

import { subjectName, TOPIC_STREAMS, topicName, type TopicStream } from '../../../schemas/topics.js';
import { BacktrailError } from '../errors.js';
import { registryClient, responseStatus, type Registry } from './registry.js';
import { registryRest } from './registry-rest.js';
import { schemaOf } from './schema-file.js';

/** The id that the schema of each stream has in the registry. */
export type SchemaIds = Readonly<Record<TopicStream, number>>;

export interface SubjectOptions {
  /** As of the topics. */
  readonly prefix?: string;
}

const COMPATIBILITY_MODE: string = COMPATIBILITY.BACKWARD_TRANSITIVE;
// A registry keeps one version per change, so 409 and 422 are both "no" for good.
const REFUSALS = [409, 422];

/**
 * Registers every schema under its subject with BACKWARD_TRANSITIVE compatibility; may be run again. Throws
 * REGISTRY_REFUSED, naming the subject, for a schema that could not read what is there already.
 */
export async function deploySubjects(registry: Registry, options: SubjectOptions = {}): Promise<SchemaIds> {
  const client = registryClient(registry);
  const rest = registryRest(registry);
  return eachStream(options, async (stream, subject) => {
    // The client refuses to register where the mode differs, and only sets it for subjects that have none.
    const mode = await rest.compatibility(subject);
    if (mode !== null && mode !== COMPATIBILITY_MODE) await rest.setCompatibility(subject, COMPATIBILITY_MODE);
    const { id } = await register(client, stream, subject);
    return id;
  });
}

/** The ids of subjects that are deployed. Throws REGISTRY_REFUSED where this version's schema is not registered. */
export async function registeredIds(registry: Registry, options: SubjectOptions = {}): Promise<SchemaIds> {
  const client = registryClient(registry);
  return eachStream(options, async (stream, subject) => {
    try {
      return await client.getRegistryIdBySchema(subject, avroSchema(stream));
    } catch (error) {
      // The client turns the registry's 404 into an error of its own, the only one without a status.
      if (responseStatus(error) === null) {
        const message = `${subject} does not have the schema of this version: run \`backtrail migrate\``;
        throw new BacktrailError('REGISTRY_REFUSED', message, { cause: error });
      }
      throw unreachable(error);
    }
  });
}

/** Deletes the subjects of throw-away topics. An empty prefix is refused. */
export async function deleteSubjects(registry: Registry, prefix: string): Promise<void> {
  if (prefix === '') throw new BacktrailError('REGISTRY_REFUSED', 'subjects without a prefix are never deleted');
  const rest = registryRest(registry);
  for (const stream of TOPIC_STREAMS) await rest.deleteSubject(subjectName(topicName(stream, prefix)));
}

async function eachStream(
  { prefix = '' }: SubjectOptions,
  idOf: (stream: TopicStream, subject: string) => Promise<number>,
): Promise<SchemaIds> {
  const ids: Partial<Record<TopicStream, number>> = {};
  for (const stream of TOPIC_STREAMS) ids[stream] = await idOf(stream, subjectName(topicName(stream, prefix)));
  return ids as SchemaIds;
}

async function register(client: SchemaRegistry, stream: TopicStream, subject: string): Promise<{ id: number }> {
  try {
    return await client.register(avroSchema(stream), {
      subject,
      compatibility: COMPATIBILITY.BACKWARD_TRANSITIVE,
    });
  } catch (error) {
    const status = responseStatus(error);
    if (status === null || !REFUSALS.includes(status)) throw unreachable(error);
    const message = error instanceof Error ? error.message : String(error);
    throw new BacktrailError('REGISTRY_REFUSED', `${subject} refuses the schema of this version: ${message}`, {
      cause: error,
    });
  }
}

function avroSchema(stream: TopicStream): { type: SchemaType.AVRO; schema: string } {
  return { type: SchemaType.AVRO, schema: JSON.stringify(schemaOf(stream)) };
}

function unreachable(error: unknown): BacktrailError {
  const message = error instanceof Error ? error.message : String(error);
  return new BacktrailError('REGISTRY_UNREACHABLE', message, { cause: error });
}
