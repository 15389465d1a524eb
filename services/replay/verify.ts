import { topicName } from '../../schemas/topics.js';
import { BacktrailError } from '../shared/errors.js';
import type { SchemaSource } from '../shared/kafka/registry.js';
import type { LogSpans } from '../shared/runtime/ports.js';
import type { ReadSoFar } from './log-content.js';
import { spanOf, STREAMS, type Manifest, type Range } from './manifest.js';

/** What a run has read, by topic and partition. */
export type WhatWasRead = ReadonlyMap<string, ReadonlyMap<number, ReadSoFar>>;

/** The manifest of a run that is done: with what it has read, so that a repetition can be held against it. */
export async function withContent(manifest: Manifest, read: WhatWasRead, registry: SchemaSource): Promise<Manifest> {
  const ids = [...read.values()].flatMap((partitions) =>
    [...partitions.values()].flatMap(({ schemaIds }) => schemaIds),
  );
  const schemas: Record<string, string | null> = {};
  for (const id of [...new Set(ids)].sort((a, b) => a - b)) schemas[id] = await fingerprintOf(id, registry);
  return {
    ...manifest,
    ranges: manifest.ranges.map((range) => {
      const { records, content } = read.get(range.topic)?.get(range.partition) ?? {};
      return { ...range, ...(records === undefined ? {} : { records, content }) };
    }),
    schemas,
  };
}

/**
 * Whether a manifest can be read again here at all. Throws CONFIG_INVALID for one of other topics, as of those nothing would be
 * read, and an empty run would look like one of an empty log; MANIFEST_MISMATCH where the log or the registry is another.
 */
export async function verifyBefore(
  manifest: Manifest,
  { log, registry, topicPrefix }: { log: LogSpans; registry: SchemaSource; topicPrefix: string },
): Promise<void> {
  const named = new Set(manifest.ranges.map(({ topic }) => topic));
  const missing = STREAMS.map((stream) => topicName(stream, topicPrefix)).find((topic) => !named.has(topic));
  if (missing !== undefined) {
    throw new BacktrailError('CONFIG_INVALID', `the manifest says nothing of ${missing}: it is of other topics`);
  }
  for (const topic of named) {
    const spans = new Map((await log.offsets(topic)).map((span) => [span.partition, span]));
    for (const range of manifest.ranges.filter((one) => one.topic === topic)) {
      verifySpan(range, spans.get(range.partition));
    }
  }
  for (const [id, fingerprint] of Object.entries(manifest.schemas ?? {})) {
    if ((await fingerprintOf(Number(id), registry)) === fingerprint) continue;
    throw mismatch(`schema ${id} is another in this registry than the one it was read with`);
  }
}

function verifySpan(range: Range, span: { readonly low: bigint; readonly high: bigint } | undefined): void {
  const where = `${range.topic} partition ${range.partition}`;
  if (span === undefined) throw mismatch(`there is no ${where}`);
  if (span.high < BigInt(range.to))
    throw mismatch(`${where} ends at offset ${span.high}, and was read up to ${range.to}`);
  const first = spanOf(range).ranges[0]?.from;
  // Of a run that is not done yet it is not known what there was.
  if (range.content === undefined || first === undefined || span.low <= first) return;
  throw mismatch(`${where} begins at offset ${span.low} now, and was read from ${first} on`);
}

/** Throws MANIFEST_MISMATCH when something else was read than the manifest says. */
export function verifyAfter(manifest: Manifest, read: WhatWasRead): void {
  for (const { topic, partition, records, content } of manifest.ranges) {
    if (content === undefined) continue;
    const found = read.get(topic)?.get(partition);
    if (found?.content === content && found.records === records) continue;
    throw mismatch(
      `${topic} partition ${partition} has other records at the offsets that are to be read again: ` +
        `${found?.records ?? 0} with the sum ${found?.content ?? ''}, and it was ${records ?? 0} with ${content}`,
    );
  }
}

async function fingerprintOf(id: number, registry: SchemaSource): Promise<string | null> {
  const found = await registry.writerSchema(id);
  if (found.kind === 'unreachable') throw new BacktrailError('REGISTRY_UNREACHABLE', found.reason);
  return found.kind === 'avro' ? found.type.fingerprint('sha256').toString('hex') : null;
}

function mismatch(message: string): BacktrailError {
  return new BacktrailError('MANIFEST_MISMATCH', message);
}
