import avro from 'avsc';
import { describe, expect, it } from 'vitest';

import { topicName } from '../../../schemas/topics.js';
import { NOTHING_READ, type ReadSoFar } from '../../../services/replay/log-content.js';
import { STREAMS, type Manifest, type Range } from '../../../services/replay/manifest.js';
import { verifyAfter, verifyBefore, withContent, type WhatWasRead } from '../../../services/replay/verify.js';
import type { SchemaSource, WriterSchema } from '../../../services/shared/kafka/registry.js';
import type { PartitionOffsets } from '../../../services/shared/runtime/ports.js';

const TOPIC = topicName('inferences', '');
const RANGES = STREAMS.map((stream): Range => ({ topic: topicName(stream, ''), partition: 0, from: '5', to: '20' }));
const MANIFEST: Manifest = {
  format: 1,
  code: '1.0.0',
  scope: { model: 'm' },
  known_at_ms: null,
  settings: { proofDeadlineMicros: 1, agentDelayMicros: 2 },
  ranges: RANGES,
};
const READ: ReadSoFar = { records: 15, content: 'ab'.repeat(32), schemaIds: [7, 9] };
const FOUND: WhatWasRead = new Map(RANGES.map(({ topic }) => [topic, new Map([[0, READ]])]));

function registry(answers: Readonly<Record<number, WriterSchema>>): SchemaSource {
  return {
    writerSchema: (id) => Promise.resolve(answers[id] ?? { kind: 'unknown', reason: 'never heard of' }),
  };
}

function avroSchema(name: string): WriterSchema {
  return { kind: 'avro', type: avro.Type.forSchema({ type: 'record', name, fields: [] }) };
}

const REGISTRY = registry({ 7: avroSchema('seven') });

function log(offsets: Partial<PartitionOffsets>) {
  const spans = [{ partition: 0, low: 5n, high: 20n, ...offsets }];
  return { offsets: () => Promise.resolve(spans), firstSince: () => Promise.resolve(new Map<number, bigint>()) };
}

function before(manifest: Manifest, offsets: Partial<PartitionOffsets> = {}, source = REGISTRY): Promise<void> {
  return verifyBefore(manifest, { log: log(offsets), registry: source, topicPrefix: '' });
}

const MISMATCH = { code: 'MANIFEST_MISMATCH', exitCode: 3 };

describe('a manifest that is read again', () => {
  it('fits the log and the registry it was read from, and what is in it', async () => {
    const done = await withContent(MANIFEST, FOUND, REGISTRY);
    expect(done.ranges[0]).toEqual({ ...RANGES[0], records: 15, content: READ.content });
    expect(Object.entries(done.schemas ?? {})).toEqual([
      ['7', expect.stringMatching(/^[0-9a-f]{64}$/)],
      ['9', null],
    ]);
    await before(done);
    verifyAfter(done, FOUND);
    // Of a plan nothing is known but where it is.
    verifyAfter(MANIFEST, new Map());
    await before(MANIFEST, { low: 12n });
  });

  it.each([
    ['begins later', { low: 6n }, /begins at offset 6 now/],
    ['ends earlier', { high: 19n }, /ends at offset 19/],
    ['has other partitions', { partition: 1 }, /there is no .* partition 0/],
  ])('does not fit a log that %s', async (_, offsets, message) => {
    const done = await withContent(MANIFEST, FOUND, REGISTRY);
    await expect(before(done, offsets)).rejects.toMatchObject({
      ...MISMATCH,
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    ['another schema under the id', registry({ 7: avroSchema('eight') })],
    ['a schema under an id that had none', registry({ 7: avroSchema('seven'), 9: avroSchema('nine') })],
    ['no schema under the id', registry({})],
  ])('does not fit a registry with %s', async (_, source) => {
    await expect(before(await withContent(MANIFEST, FOUND, REGISTRY), {}, source)).rejects.toMatchObject(MISMATCH);
  });

  it('waits for nothing, but says that a registry does not answer', async () => {
    const away = registry({ 7: { kind: 'unreachable', reason: 'away' } });
    const done = await withContent(MANIFEST, FOUND, REGISTRY);
    await expect(before(done, {}, away)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('does not fit other topics', async () => {
    const some = { ...MANIFEST, ranges: RANGES.slice(1) };
    await expect(before(some)).rejects.toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2 });
  });

  it.each([
    ['other records', { ...READ, content: 'cd'.repeat(32) }],
    ['fewer records', { ...READ, records: 14 }],
    ['nothing', NOTHING_READ],
  ])('does not fit %s at its offsets', async (_, read) => {
    const done = await withContent(MANIFEST, FOUND, REGISTRY);
    const other = new Map([...FOUND, [TOPIC, new Map([[0, read]])]]);
    expect(() => {
      verifyAfter(done, other);
    }).toThrow(expect.objectContaining({ ...MISMATCH, message: expect.stringContaining(TOPIC) as string }));
  });
});
