import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { archivedLog } from '../../../services/archive/archived-log.js';
import { archivedSchemas } from '../../../services/archive/archived-schemas.js';
import { placeOf } from '../../../services/archive/place.js';
import { BacktrailError } from '../../../services/shared/errors.js';
import type { SchemaSource } from '../../../services/shared/kafka/registry.js';
import type { LogEnds, LogSpans } from '../../../services/shared/runtime/ports.js';
import { STRING_SCHEMA, TestArchive } from './archive.fixture.js';

let archive: TestArchive;

beforeEach(async () => {
  archive = new TestArchive();
  archive.topics.append('t', 0, [0, 1, 2, 3, 4, 5]);
  await archive.run();
  archive.topics.append('t', 0, [6, 7]);
  archive.topics.append('t', 1, [0]);
});

afterEach(() => {
  archive.remove();
});

async function log(broker: LogEnds & LogSpans = archive.topics): Promise<LogEnds & LogSpans> {
  return archivedLog(await archive.reader(), broker);
}

/** Of each partition. */
async function since(appendedAtMs: number, broker?: LogEnds & LogSpans): Promise<string[]> {
  const found = await (await log(broker)).firstSince('t', appendedAtMs);
  return [...found].map(([partition, offset]) => `${String(partition)}: ${offset.toString()}`);
}

describe('a log with its archive', () => {
  it('begins where the archive does and ends where the broker does', async () => {
    archive.topics.deleteBelow('t', 0, 5);
    expect(await (await log()).offsets('t')).toEqual([
      { partition: 0, low: 0n, high: 8n },
      { partition: 1, low: 0n, high: 1n },
    ]);
    expect(await (await log()).endOffsets('t')).toEqual(
      new Map([
        [0, 8n],
        [1, 1n],
      ]),
    );
  });

  it.each([0, 4, 7, 8])('finds the first record since a time when the broker has those from %i on', async (low) => {
    archive.topics.deleteBelow('t', 0, low);
    expect(await since(0)).toEqual(['0: 0', '1: 0']);
    expect(await since(1_004)).toEqual(['0: 4', '1: 1']);
    // What neither has cannot be found.
    expect(await since(1_006)).toEqual([`0: ${String(Math.max(low, 6))}`, '1: 1']);
    expect(await since(2_000)).toEqual(['0: 8', '1: 1']);
  });

  it('is as long as the archive where the topic is gone', async () => {
    const missing = () => Promise.reject(new BacktrailError('KAFKA_TOPIC_MISSING', 't'));
    const broker = { offsets: missing, endOffsets: missing, firstSince: missing };
    expect(await (await log(broker)).offsets('t')).toEqual([{ partition: 0, low: 0n, high: 6n }]);
    expect(await since(1_003, broker)).toEqual(['0: 3']);
    expect(await since(2_000, broker)).toEqual(['0: 6']);
    await expect((await log(broker)).offsets('other')).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING' });
  });

  it('is none where the topic is another one', async () => {
    archive.topics.replace('t');
    archive.topics.append('t', 0, [0, 1, 2]);
    await expect((await log()).offsets('t')).rejects.toMatchObject({ code: 'LOG_REPLACED' });
  });
});

describe('the schemas of an archive', () => {
  const away: SchemaSource = { writerSchema: () => Promise.resolve({ kind: 'unreachable', reason: 'away' }) };
  const nested = {
    type: 'AVRO',
    schema: '{"type":"record","name":"A","fields":[{"name":"b","type":"x.B"}]}',
    references: ['{"type":"enum","name":"C","namespace":"x","symbols":["S"]}', '{"type":"array","items":"x.C"}'],
  };

  it('are had without the registry, with what they refer to', async () => {
    const referring = { ...nested, schema: nested.schema.replace('x.B', 'x.C') };
    const source = archivedSchemas({ '1': STRING_SCHEMA, '2': referring }, { unknown: new Set(), registry: away });
    expect(await source.writerSchema(1)).toMatchObject({ kind: 'avro' });
    const found = await source.writerSchema(2);
    expect(found.kind === 'avro' && found.type.fromBuffer(Buffer.from([0]))).toEqual({ b: 'S' });
  });

  it.each([
    ['is not Avro', { type: 'PROTOBUF', schema: 'message A {}', references: [] }],
    ['is broken', { type: 'AVRO', schema: '{', references: [] }],
    ['lacks what it refers to', nested],
  ])('one that %s is unusable', async (_what, schema) => {
    const source = archivedSchemas({ '5': schema }, { unknown: new Set(), registry: away });
    expect(await source.writerSchema(5)).toMatchObject({
      kind: 'unusable',
      reason: expect.stringContaining('5') as string,
    });
  });

  it('that it has not are asked for; one that was unknown stays so while nobody answers', async () => {
    const source = archivedSchemas({}, { unknown: new Set(['7']), registry: away });
    expect(await source.writerSchema(6)).toMatchObject({ kind: 'unreachable' });
    expect(await source.writerSchema(7)).toMatchObject({ kind: 'unknown' });
    const late: SchemaSource = { writerSchema: () => Promise.resolve({ kind: 'unusable', reason: 'found' }) };
    const asked = archivedSchemas({}, { unknown: new Set(['7']), registry: late });
    expect(await asked.writerSchema(7)).toMatchObject({ kind: 'unusable' });
  });
});

describe('the place of an archive', () => {
  it('is a folder, or a bucket with a prefix', () => {
    expect(placeOf('/backup/trail')).toMatchObject({ kind: 'folder', path: '/backup/trail' });
    expect(placeOf('here')).toMatchObject({ kind: 'folder', path: `${process.cwd()}/here`, name: 'here' });
    expect(placeOf('s3://backup')).toEqual({ kind: 's3', bucket: 'backup', prefix: '', name: 's3://backup' });
    expect(placeOf('s3://backup/a//b/')).toMatchObject({ bucket: 'backup', prefix: 'a/b', name: 's3://backup/a/b' });
  });

  it.each(['', 's3://', 's3:///x', 's3://Under_Score/x', 'gs://bucket/x', 'https://bucket/x'])('%j is none', (text) => {
    expect(() => placeOf(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error);
  });
});
