import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { TOPIC_STREAMS, TOPICS } from '../../../schemas/topics.js';
import { incompatibility } from '../../../services/shared/kafka/compatibility.js';
import { type AvroRecordSchema, schemaOf } from '../../../services/shared/kafka/schema-file.js';
import { packageRoot } from '../../../services/shared/package-root.js';

/** Versions that producers may have used: schemas/released/<topic>/<version>.avsc. They are never edited. */
function releasedVersions(topic: string): { version: string; schema: object }[] {
  const folder = join(packageRoot(), 'schemas', 'released', topic);
  return readdirSync(folder).map((version) => ({
    version,
    schema: JSON.parse(readFileSync(join(folder, version), 'utf8')) as object,
  }));
}

describe('BACKWARD_TRANSITIVE: the current schema', () => {
  it.each(TOPIC_STREAMS)('of %s reads what every released version wrote', (stream) => {
    const versions = releasedVersions(TOPICS[stream].topic);
    expect(versions.length).toBeGreaterThan(0);
    for (const { version, schema } of versions) {
      expect(incompatibility(schemaOf(stream), schema), `${stream} against ${version}`).toBeNull();
    }
  });
});

describe('the check of compatibility', () => {
  const released = (): object => schemaOf('proofs');
  const cases: [string, (schema: AvroRecordSchema) => void, RegExp][] = [
    [
      'a new field without a default',
      (schema) => schema.fields.push({ name: 'verified_by', type: 'string' }),
      /default-less.*verified_by/,
    ],
    [
      'a field that changes its type',
      (schema) => {
        fieldOf(schema, 'proof_id').type = 'long';
      },
      /cannot read/,
    ],
    [
      'a field that is renamed',
      (schema) => {
        fieldOf(schema, 'inference_id').name = 'request_id';
      },
      /default-less.*request_id/,
    ],
    [
      'a nullable field that becomes required',
      (schema) => {
        const field = fieldOf(schema, 'verifier');
        field.type = 'string';
        delete field.default;
      },
      /cannot read/,
    ],
    [
      'an enum that loses a symbol',
      (schema) => {
        const state = fieldOf(schema, 'state').type as { symbols: string[] };
        state.symbols = state.symbols.filter((symbol) => symbol !== 'UNVERIFIABLE');
      },
      /cannot read/,
    ],
    [
      'a record that is renamed',
      (schema) => {
        schema.name = 'Proof';
      },
      /alias/,
    ],
  ];
  it.each(cases)('fails on %s', (_name, change, message) => {
    const schema = schemaOf('proofs');
    change(schema);
    expect(incompatibility(schema, released())).toMatch(message);
  });

  it('passes a new field with a default, a field less and a symbol more', () => {
    const schema = schemaOf('proofs');
    schema.fields = schema.fields.filter((field) => field.name !== 'tx_hash');
    schema.fields.push({ name: 'note', type: ['null', 'string'], default: null });
    (fieldOf(schema, 'path').type as { symbols: string[] }).symbols.push('OPTIMISTIC');
    expect(incompatibility(schema, released())).toBeNull();
  });
});

function fieldOf(schema: AvroRecordSchema, name: string): AvroRecordSchema['fields'][number] {
  const field = schema.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new Error(`no field ${name}`);
  return field;
}
