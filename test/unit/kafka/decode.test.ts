import { describe, expect, it } from 'vitest';

import { TOPIC_STREAMS } from '../../../schemas/topics.js';
import type { InferenceRecord } from '../../../schemas/types.generated.js';
import { valueDecoder, type Decoded } from '../../../services/shared/kafka/decode.js';
import { valueEncoder } from '../../../services/shared/kafka/encode.js';
import { type AvroRecordSchema, schemaOf } from '../../../services/shared/kafka/schema-file.js';
import { encodeWith, examples, header, registryOf } from './fixtures.js';

const ID = 7;

function inference(index = 0): InferenceRecord {
  const record = examples('inferences')[index];
  if (record === undefined) throw new Error('the example is gone');
  return record;
}

async function decodeInference(
  value: Buffer | null,
  schema: object = schemaOf('inferences'),
): Promise<Decoded<InferenceRecord>> {
  const decoder = valueDecoder('inferences', registryOf({ [ID]: schema }));
  await decoder.prepare([value]);
  return decoder.decode(value);
}

/** Our schema with a change, as a writer may have it. */
function changed(change: (schema: AvroRecordSchema) => void): AvroRecordSchema {
  const schema = schemaOf('inferences');
  change(schema);
  return schema;
}

function field(schema: AvroRecordSchema, name: string): AvroRecordSchema['fields'][number] {
  const found = schema.fields.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no field ${name}`);
  return found;
}

describe('examples', () => {
  it.each(TOPIC_STREAMS)('of %s come back from the decoder as they were encoded', async (stream) => {
    const decoder = valueDecoder(stream, registryOf({ [ID]: schemaOf(stream) }));
    const encoder = valueEncoder(stream, ID);
    const records = examples(stream);
    expect(records.length).toBeGreaterThan(2);
    const values = records.map((record) => encoder.encode(record));
    await decoder.prepare(values);
    expect(values.map((value) => decoder.decode(value))).toStrictEqual(records.map((ok) => ({ ok })));
  });

  it('show every action, kind, path and state', () => {
    for (const stream of TOPIC_STREAMS) {
      const records = examples(stream) as unknown as Record<string, unknown>[];
      for (const { name, type } of schemaOf(stream).fields) {
        if (typeof type !== 'object' || Array.isArray(type) || type.symbols === undefined) continue;
        expect(new Set(records.map((record) => record[name])), `${stream}.${name}`).toEqual(new Set(type.symbols));
      }
    }
  });
});

describe('a decoded record', () => {
  it('is a plain object that shares no memory with the fetch buffer', async () => {
    const value = valueEncoder('payments', ID).encode(examples('payments')[2] as never);
    const decoder = valueDecoder('payments', registryOf({ [ID]: schemaOf('payments') }));
    await decoder.prepare([value]);
    const decoded = decoder.decode(value);
    value.fill(0);
    expect(decoded).toStrictEqual({ ok: examples('payments')[2] });
    if (!('ok' in decoded)) throw new Error('not decoded');
    expect(Object.getPrototypeOf(decoded.ok)).toBe(Object.prototype);
    expect(Object.getPrototypeOf(decoded.ok.allocations[0])).toBe(Object.prototype);
  });

  it('keeps a release that is called __proto__', async () => {
    const traffic = JSON.parse('{"__proto__": 4000, "constructor": 6000}') as Record<string, number>;
    const record = { ...examples('releases')[3], traffic };
    const value = valueEncoder('releases', ID).encode(record as never);
    const decoder = valueDecoder('releases', registryOf({ [ID]: schemaOf('releases') }));
    await decoder.prepare([value]);
    const decoded = decoder.decode(value);
    if (!('ok' in decoded)) throw new Error('not decoded');
    expect(Object.entries(decoded.ok.traffic ?? {})).toEqual([
      ['__proto__', 4000],
      ['constructor', 6000],
    ]);
  });
});

describe('a value that is no record of ours is refused', () => {
  const good = valueEncoder('inferences', ID).encode(inference());
  const cases: [string, Buffer | null, string][] = [
    ['a tombstone', null, 'EMPTY_VALUE'],
    ['no bytes', Buffer.alloc(0), 'EMPTY_VALUE'],
    ['JSON', Buffer.from('{"inference_id":"x"}'), 'UNKNOWN_MAGIC'],
    ['a header cut short', Buffer.from([0, 0, 0]), 'NOT_AVRO'],
    ['nothing after the header', header(ID), 'UNDECODABLE'],
    ['a record cut short', good.subarray(0, good.length - 1), 'UNDECODABLE'],
    ['trailing bytes', Buffer.concat([good, Buffer.from([0])]), 'UNDECODABLE'],
    ['noise', Buffer.concat([header(ID), Buffer.alloc(64, 0xff)]), 'UNDECODABLE'],
  ];
  it.each(cases)('%s', async (_name, value, code) => {
    expect(await decodeInference(value)).toMatchObject({ refused: { code, reason: expect.any(String) as string } });
  });

  it('text that is not UTF-8, but not text with a replacement character of its own', async () => {
    const own = { ...inference(), agent_id: 'a\uFFFDb' };
    const value = valueEncoder('inferences', ID).encode(own);
    expect(await decodeInference(value)).toEqual({ ok: own });
    const broken = Buffer.from(value);
    broken[broken.indexOf('opengradient')] = 0xc3;
    expect(await decodeInference(broken)).toMatchObject({
      refused: { code: 'UNDECODABLE', reason: expect.stringContaining('UTF-8') as string },
    });
  });

  it('a count of a thousand million items, without reading them', async () => {
    const decoder = valueDecoder('agents', registryOf({ [ID]: schemaOf('agents') }));
    const [agent] = examples('agents');
    const value = valueEncoder('agents', ID).encode({ ...agent, caused_by: ['only'] } as never);
    const at = value.indexOf('\u0008only') - 1; // the count, 1, before the item
    const huge = Buffer.concat([
      value.subarray(0, at),
      Buffer.from([0x80, 0xa8, 0xd6, 0xb9, 0x07]),
      value.subarray(at + 1),
    ]);
    await decoder.prepare([huge]);
    expect(decoder.decode(huge)).toMatchObject({
      refused: { code: 'UNDECODABLE', reason: expect.stringContaining('items') as string },
    });
  });
});

describe('a writer with another schema', () => {
  const record = inference();

  it('may have more fields, another name and other promoted types', async () => {
    const schema = changed((own) => {
      own.name = 'Inference';
      own.namespace = 'com.example';
      own.fields.unshift({ name: 'tags', type: { type: 'array', items: ['null', 'string'] } });
      own.fields.push({ name: 'extra', type: { type: 'map', values: 'long' } });
      own.fields = own.fields.filter(({ name }) => name !== 'clock_error_ms');
      own.fields.push({ name: 'clock_error_ms', type: 'int' });
    });
    const value = encodeWith(schema, ID, { ...record, tags: [null, 'x'], extra: { n: 1 } });
    expect(await decodeInference(value, schema)).toStrictEqual({ ok: record });
  });

  it('may lack fields that have a default', async () => {
    const schema = changed((own) => {
      own.fields = own.fields.filter(({ name }) => name !== 'cost' && name !== 'source_ref');
    });
    const value = encodeWith(schema, ID, record);
    expect(await decodeInference(value, schema)).toStrictEqual({ ok: { ...record, cost: null, source_ref: null } });
  });

  it('is refused when it lacks required fields, and the reason names them', async () => {
    const schema = changed((own) => {
      own.fields = own.fields.filter(({ name }) => name !== 'model_id' && name !== 'source');
    });
    expect(await decodeInference(encodeWith(schema, ID, record), schema)).toEqual({
      refused: { code: 'SCHEMA_INCOMPATIBLE', reason: "the writer's schema lacks the required source, model_id" },
    });
  });

  it('is refused when it has another type for a field, or writes milliseconds', async () => {
    const asNumber = changed((own) => {
      field(own, 'model_id').type = 'long';
    });
    const refused = { refused: { code: 'SCHEMA_INCOMPATIBLE' } };
    expect(await decodeInference(encodeWith(asNumber, ID, { ...record, model_id: 1 }), asNumber)).toMatchObject(
      refused,
    );
    const inMillis = changed((own) => {
      field(own, 'occurred_at').type = { type: 'long', logicalType: 'timestamp-millis' };
    });
    expect(await decodeInference(encodeWith(inMillis, ID, record), inMillis)).toMatchObject({
      refused: { code: 'SCHEMA_INCOMPATIBLE', reason: expect.stringContaining('milliseconds') as string },
    });
  });

  it('is refused when it is no record, or not Avro', async () => {
    expect(await decodeInference(encodeWith({ type: 'string' }, ID, 'x'), { type: 'string' })).toMatchObject({
      refused: { code: 'SCHEMA_INCOMPATIBLE' },
    });
    expect(await decodeInference(header(ID), { kind: 'unusable', reason: 'schema 7 is not Avro' })).toEqual({
      refused: { code: 'SCHEMA_INCOMPATIBLE', reason: 'schema 7 is not Avro' },
    });
  });

  it('that makes a required field nullable is judged record by record', async () => {
    const schema = changed((own) => {
      field(own, 'source').type = ['null', 'string'];
    });
    expect(await decodeInference(encodeWith(schema, ID, record), schema)).toStrictEqual({ ok: record });
    expect(await decodeInference(encodeWith(schema, ID, { ...record, source: null }), schema)).toMatchObject({
      refused: { code: 'UNDECODABLE', reason: expect.stringContaining('source is required') as string },
    });
  });

  it('that adds a symbol is judged record by record', async () => {
    const [agent] = examples('agents');
    const schema = schemaOf('agents');
    field(schema, 'kind').type = { type: 'enum', name: 'Part', symbols: ['VOICE', 'PROMPT'] };
    const decoder = valueDecoder('agents', registryOf({ [ID]: schema }));
    const known = encodeWith(schema, ID, agent);
    await decoder.prepare([known]);
    expect(decoder.decode(known)).toStrictEqual({ ok: agent });
    expect(decoder.decode(encodeWith(schema, ID, { ...agent, kind: 'VOICE' }))).toMatchObject({
      refused: { code: 'UNDECODABLE', reason: expect.stringContaining('kind has a symbol') as string },
    });
  });
});

describe('a schema id that is not known', () => {
  const value = valueEncoder('inferences', ID).encode(inference());

  it('is waited for, and decoded once the registry knows it', async () => {
    const schemas: Record<number, object> = {};
    const decoder = valueDecoder('inferences', registryOf(schemas));
    expect(decoder.decode(value)).toEqual({ wait: { reason: 'schema 7 is not loaded yet', answered: false } });
    await decoder.prepare([value]);
    expect(decoder.decode(value)).toEqual({ wait: { reason: 'no schema 7', answered: true } });
    schemas[ID] = schemaOf('inferences');
    await decoder.prepare([value]);
    expect(decoder.decode(value)).toEqual({ ok: inference() });
  });

  it('does not hold back the others of its batch', async () => {
    const other = valueEncoder('inferences', 9).encode(inference());
    const registry = registryOf({ 9: schemaOf('inferences') });
    const decoder = valueDecoder('inferences', registry);
    await decoder.prepare([value, other, value, other]);
    expect(decoder.decode(other)).toEqual({ ok: inference() });
    expect(decoder.decode(value)).toHaveProperty('wait');
    expect(registry.asked).toEqual([7, 9]);
  });

  it('is asked for once when the registry is away, and not again once known', async () => {
    const schemas: Record<number, object> = {
      7: { kind: 'unreachable', reason: 'away' },
      8: { kind: 'unreachable', reason: 'away' },
    };
    const registry = registryOf(schemas);
    const decoder = valueDecoder('inferences', registry);
    await decoder.prepare([value, header(8)]);
    expect(decoder.decode(value)).toEqual({ wait: { reason: 'away', answered: false } });
    expect(registry.asked).toEqual([7]);
    schemas[7] = schemaOf('inferences');
    await decoder.prepare([value]);
    await decoder.prepare([value]);
    expect(registry.asked).toEqual([7, 7]);
  });
});
