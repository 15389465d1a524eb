import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { generateTypes } from '../../../schemas/generate.js';
import {
  deadLetterTopic,
  keyOf,
  streamOfTopic,
  subjectName,
  TOPIC_STREAMS,
  topicName,
  TOPICS,
} from '../../../schemas/topics.js';
import { type AvroNode, type AvroRecordSchema, schemaOf } from '../../../services/shared/kafka/schema-file.js';
import { packageRoot } from '../../../services/shared/package-root.js';
import { examples } from '../kafka/fixtures.js';

const INPUTS = TOPIC_STREAMS.filter((stream) => TOPICS[stream].role === 'input');

/** Every record of a schema, the root first. */
function recordsIn(node: AvroNode): AvroRecordSchema[] {
  if (typeof node === 'string') return [];
  if (Array.isArray(node)) return node.flatMap(recordsIn);
  const inner = [node.items, node.values].flatMap((type) => (type === undefined ? [] : recordsIn(type)));
  if (node.fields === undefined) return inner;
  return [node as AvroRecordSchema, ...node.fields.flatMap((field) => recordsIn(field.type))];
}

describe('every schema', () => {
  it.each(TOPIC_STREAMS)('of %s has a doc on every field', (stream) => {
    const fields = recordsIn(schemaOf(stream)).flatMap((record) => record.fields);
    expect(fields.filter((field) => (field.doc ?? '').length < 10).map((field) => field.name)).toEqual([]);
  });

  it.each(TOPIC_STREAMS)('of %s has null as the default of what may be null, and [] of lists', (stream) => {
    for (const { name, type, default: value } of recordsIn(schemaOf(stream)).flatMap((record) => record.fields)) {
      if (Array.isArray(type)) expect([name, type[0], value]).toEqual([name, 'null', null]);
      else if (typeof type === 'object' && type.type === 'array') expect([name, value]).toEqual([name, []]);
      else expect([name, value]).toEqual([name, undefined]);
    }
  });

  it.each(INPUTS)('of %s starts with the envelope', (stream) => {
    const names = schemaOf(stream).fields.map((field) => field.name);
    expect(names.slice(0, 4)).toEqual(['event_id', 'occurred_at', 'source', 'source_ref']);
  });

  it('is named in the table of topics, and has examples', () => {
    const files = readdirSync(join(packageRoot(), 'schemas')).filter((file) => file.endsWith('.avsc'));
    expect(files.sort()).toEqual(TOPIC_STREAMS.map((stream) => TOPICS[stream].schemaFile).sort());
    for (const stream of TOPIC_STREAMS) expect(examples(stream).length).toBeGreaterThan(2);
  });
});

describe('the generated types', () => {
  it('write enums, times, maps and nested records as the code expects them', () => {
    const text = generateTypes([
      {
        topic: 'example.v1',
        schema: {
          type: 'record',
          name: 'Example',
          fields: [
            { name: 'at', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }] },
            { name: 'shares', type: { type: 'map', values: 'int' } },
            { name: 'state', type: { type: 'enum', name: 'State', symbols: ['ON', 'OFF'] } },
            {
              name: 'parts',
              type: {
                type: 'array',
                items: { type: 'record', name: 'Part', fields: [{ name: 'ok', type: 'boolean' }] },
              },
            },
          ],
        },
      },
    ]);
    expect(text).toContain(
      [
        '/** Record of example.v1. */',
        'export interface Example {',
        '  at: TimestampMicros | null;',
        '  shares: Record<string, number>;',
        '  state: State;',
        '  parts: Part[];',
        '}',
        'export interface Part {',
        '  ok: boolean;',
        '}',
        "export type State = 'ON' | 'OFF';",
      ].join('\n'),
    );
  });

  it('are those of the schemas', () => {
    const schemas = TOPIC_STREAMS.map((stream) => ({ topic: TOPICS[stream].topic, schema: schemaOf(stream) }));
    const committed = readFileSync(join(packageRoot(), 'schemas', 'types.generated.ts'), 'utf8');
    expect(generateTypes(schemas)).toBe(committed);
  });

  it('are checked by a command that fails and names the file when they are stale', () => {
    const copy = mkdtempSync(join(tmpdir(), 'backtrail-generate-'));
    try {
      const shared = ['package-root.ts', 'metrics.ts', 'clock.ts'].map((file) => `services/shared/${file}`);
      for (const part of ['package.json', 'schemas', 'infra/metrics-page.ts', 'infra/metrics.md', ...shared]) {
        cpSync(join(packageRoot(), part), join(copy, part), { recursive: true });
      }
      symlinkSync(join(packageRoot(), 'node_modules'), join(copy, 'node_modules'));
      const tsx = join(packageRoot(), 'node_modules', '.bin', 'tsx');
      const check = (): { status: number | null; stderr: string } =>
        spawnSync(tsx, ['schemas/generate.ts', '--check'], { cwd: copy, encoding: 'utf8' });
      expect(check().status).toBe(0);
      appendFileSync(join(copy, 'schemas', 'types.generated.ts'), '// by hand\n');
      const stale = check();
      expect(stale.status).toBe(1);
      expect(stale.stderr).toContain('schemas/types.generated.ts is stale');
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});

describe('the table of topics', () => {
  it('has one partition and no end of retention for releases', () => {
    expect(TOPICS.releases).toMatchObject({ partitions: 1, partitionsFixed: true, retentionMs: -1 });
  });

  it('names topics, subjects and dead letter topics with the prefix in front', () => {
    const topic = topicName('payments', 'run7.');
    expect(topic).toBe('run7.opengradient.payments.v1');
    expect(subjectName(topic)).toBe('run7.opengradient.payments.v1-value');
    expect(deadLetterTopic(topic)).toBe('run7.opengradient.payments.v1.dlq');
    expect(streamOfTopic(topic, 'run7.')).toBe('payments');
    expect(streamOfTopic(topic)).toBeNull();
    expect(streamOfTopic('constructor')).toBeNull();
  });

  it.each(TOPIC_STREAMS)('takes the key of %s from a required field', (stream) => {
    const { keyField } = TOPICS[stream];
    expect(schemaOf(stream).fields.find((field) => field.name === keyField)?.type).toBe('string');
    for (const record of examples(stream)) {
      expect(keyOf(stream, record)).toBe((record as unknown as Record<string, unknown>)[keyField]);
    }
  });
});
