import { randomBytes } from 'node:crypto';

import { CompressionTypes, type KafkaMessage } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { deadLetterTopic, keyOf, subjectName, TOPIC_STREAMS, topicName } from '../../schemas/topics.js';
import { createAdmin, type LogAdmin, withAdmin } from '../../services/shared/kafka/admin.js';
import { kafkaClient, type KafkaSettings } from '../../services/shared/kafka/client.js';
import { valueDecoder } from '../../services/shared/kafka/decode.js';
import { deleteSubjects, deploySubjects, registeredIds } from '../../services/shared/kafka/deploy-subjects.js';
import { deleteTopics, deployTopics } from '../../services/shared/kafka/deploy-topics.js';
import { valueEncoder } from '../../services/shared/kafka/encode.js';
import { type BatchProducer, createProducer, type OutgoingRecord } from '../../services/shared/kafka/producer.js';
import { registryClient, schemaSource } from '../../services/shared/kafka/registry.js';
import { registryRest } from '../../services/shared/kafka/registry-rest.js';
import { type AvroRecordSchema, schemaOf } from '../../services/shared/kafka/schema-file.js';
import { planTopics } from '../../services/shared/kafka/topic-plan.js';
import { encodeWith, examples, header } from '../unit/kafka/fixtures.js';

const { brokers, registryUrl } = inject('endpoints');
const settings: KafkaSettings = { brokers: brokers.split(','), clientId: 'kafka-test', ssl: false, sasl: null };
const run = `t${randomBytes(4).toString('hex')}.`;
const MARCH_MS = Date.UTC(2026, 2, 10, 10);

let admin: LogAdmin;
let producer: BatchProducer;

beforeAll(async () => {
  admin = await createAdmin(settings);
  producer = await createProducer(settings);
});

afterAll(async () => {
  await producer.close();
  await admin.close();
  await deleteTopics(settings, run);
});

/** Everything a topic holds, by partition and offset. */
async function readAll(topic: string): Promise<(KafkaMessage & { partition: number })[]> {
  const ends = await admin.offsets(topic);
  const total = ends.reduce((sum, { low, high }) => sum + Number(high - low), 0);
  const consumer = kafkaClient(settings).consumer({
    groupId: `${run}${randomBytes(4).toString('hex')}`,
    maxWaitTimeInMs: 50,
  });
  const messages: (KafkaMessage & { partition: number })[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        if (messages.length >= total) resolve();
      };
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        reject(payload.error);
      });
      consumer
        .run({
          eachMessage: ({ partition, message }) => {
            messages.push({ ...message, partition });
            done();
            return Promise.resolve();
          },
        })
        .then(done, reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return messages.sort((a, b) => a.partition - b.partition || Number(a.offset) - Number(b.offset));
}

describe('topics', () => {
  it('are created once, with append time, and looked at from then on', async () => {
    const prefix = `${run}topics.`;
    const first = await deployTopics(settings, { prefix });
    expect(first).toMatchObject({ existing: [] });
    expect(first.created).toHaveLength(planTopics({}).length);
    expect(await deployTopics(settings, { prefix })).toEqual({ created: [], existing: first.created });
    expect((await admin.topics()).filter((topic) => topic.startsWith(prefix))).toEqual([...first.created].sort());
    expect(await admin.offsets(topicName('releases', prefix))).toEqual([{ partition: 0, low: 0n, high: 0n }]);
    expect((await admin.endOffsets(topicName('payments', prefix))).size).toBe(3);

    const before = Date.now();
    await producer.send(topicName('releases', prefix), [{ key: 'm', value: null, timestampMs: MARCH_MS }]);
    const [message] = await readAll(topicName('releases', prefix));
    expect(Number(message?.timestamp)).toBeGreaterThanOrEqual(before);
  });

  it('that exist with settings that would give wrong answers stop the deployment, all named', async () => {
    const prefix = `${run}wrong.`;
    const releases = topicName('releases', prefix);
    await withAdmin(settings, (client) =>
      client.createTopics({
        topics: [
          {
            topic: releases,
            numPartitions: 2,
            configEntries: [{ name: 'message.timestamp.type', value: 'CreateTime' }],
          },
        ],
      }),
    );
    await expect(deployTopics(settings, { prefix })).rejects.toMatchObject({
      code: 'KAFKA_REFUSED',
      message: expect.stringMatching(/releases.*CreateTime.*releases.*2 partitions/) as string,
    });
    // The others are there now; nothing of what exists was changed.
    expect(await admin.offsets(releases)).toHaveLength(2);
  });

  it('are made by two deployments at once', async () => {
    const prefix = `${run}race.`;
    await Promise.all([deployTopics(settings, { prefix }), deployTopics(settings, { prefix })]);
    expect((await deployTopics(settings, { prefix })).existing).toHaveLength(planTopics({}).length);
  });

  it('are only deleted by a prefix', async () => {
    const prefix = `${run}gone.`;
    await deployTopics(settings, { prefix });
    expect(await deleteTopics(settings, prefix)).toHaveLength(planTopics({}).length);
    expect((await admin.topics()).filter((topic) => topic.startsWith(prefix))).toEqual([]);
    await expect(deleteTopics(settings, '')).rejects.toMatchObject({ code: 'KAFKA_REFUSED' });
  });

  it('that are missing are named so, and never made by sending to them', async () => {
    await expect(admin.offsets(`${run}nowhere`)).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING' });
    await expect(producer.send(`${run}nowhere`, [{ key: null, value: null }])).rejects.toMatchObject({
      code: 'KAFKA_TOPIC_MISSING',
    });
  });
});

describe('subjects', () => {
  it('are registered once, in BACKWARD_TRANSITIVE mode', async () => {
    const prefix = `${run}subjects.`;
    await expect(registeredIds(registryUrl, { prefix })).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    const ids = await deploySubjects(registryUrl, { prefix });
    expect(await deploySubjects(registryUrl, { prefix })).toEqual(ids);
    expect(await registeredIds(registryUrl, { prefix })).toEqual(ids);
    const rest = registryRest(registryUrl);
    for (const stream of TOPIC_STREAMS) {
      expect(await rest.compatibility(subjectName(topicName(stream, prefix)))).toBe('BACKWARD_TRANSITIVE');
    }
    await deleteSubjects(registryUrl, prefix);
    await expect(registeredIds(registryUrl, { prefix })).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    await expect(deleteSubjects(registryUrl, '')).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
  });

  it('refuse a schema that cannot read what is registered, and the error names the subject', async () => {
    const prefix = `${run}refused.`;
    const subject = subjectName(topicName('proofs', prefix));
    const other = withField('proofs', (fields) =>
      fields.map((field) => (field.name === 'proof_id' ? { ...field, type: 'long' } : field)),
    );
    await registryClient(registryUrl).register(avro(other), { subject });
    await expect(deploySubjects(registryUrl, { prefix })).rejects.toMatchObject({
      code: 'REGISTRY_REFUSED',
      message: expect.stringContaining(subject) as string,
    });
    // Set before the schema was refused: whoever registers next is held to it.
    expect(await registryRest(registryUrl).compatibility(subject)).toBe('BACKWARD_TRANSITIVE');
  });
});

describe('records', () => {
  const prefix = `${run}records.`;
  let ids: Awaited<ReturnType<typeof deploySubjects>>;

  beforeAll(async () => {
    await deployTopics(settings, { prefix, timestampType: 'CreateTime' });
    ids = await deploySubjects(registryUrl, { prefix });
  });

  it.each(TOPIC_STREAMS.filter((stream) => stream !== 'alerts'))(
    'of %s go through broker and registry unchanged, in order, with the times given',
    async (stream) => {
      const records = examples(stream);
      const encoder = valueEncoder(stream, ids[stream]);
      const topic = topicName(stream, prefix);
      await producer.send(
        topic,
        records.map((record, i) => ({
          key: keyOf(stream, record),
          value: encoder.encode(record),
          // Backwards, and before any retention: stories are told in any order.
          timestampMs: MARCH_MS - i * 1000,
        })),
      );
      const messages = await readAll(topic);
      const decoder = valueDecoder(stream, schemaSource(registryUrl));
      await decoder.prepare(messages.map(({ value }) => value));
      const read = messages.map((message) => ({
        partition: message.partition,
        key: message.key?.toString(),
        time: Number(message.timestamp),
        decoded: decoder.decode(message.value),
      }));
      expect(read.map(({ decoded }) => decoded)).toHaveLength(records.length);
      const sent = records.map((ok, i) => ({ key: keyOf(stream, ok), time: MARCH_MS - i * 1000, decoded: { ok } }));
      for (const partition of new Set(read.map((message) => message.partition))) {
        const here = read.filter((message) => message.partition === partition);
        const keys = new Set(here.map(({ key }) => key));
        expect(here.map(({ partition: _, ...message }) => message)).toEqual(sent.filter(({ key }) => keys.has(key)));
      }
    },
  );

  it('of a newer writer are read, and an id that nobody registered is waited for', async () => {
    const subject = subjectName(topicName('agents', prefix));
    const newer = withField('agents', (fields) => [
      ...fields,
      { name: 'mood', type: ['null', 'string'], default: null },
    ]);
    const { id } = await registryClient(registryUrl).register(avro(newer), {
      subject,
      compatibility: 'BACKWARD_TRANSITIVE' as never,
    });
    expect(id).not.toBe(ids.agents);
    const [agent] = examples('agents');
    const value = encodeWith(newer, id, { ...agent, mood: 'calm' });
    const unknown = Buffer.concat([header(2_000_000_000), value.subarray(5)]);
    const decoder = valueDecoder('agents', schemaSource(registryUrl));
    await decoder.prepare([unknown, value]);
    expect(decoder.decode(value)).toEqual({ ok: agent });
    expect(decoder.decode(unknown)).toMatchObject({
      wait: { reason: expect.stringContaining('2000000000') as string, answered: true },
    });
  });

  it('of another topic, and of a schema that is not Avro, are refused', async () => {
    const schema = { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' };
    const body = { schemaType: 'JSON', schema: JSON.stringify(schema) };
    const response = await fetch(`${registryUrl}/subjects/${run}json/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify(body),
    });
    const { id } = (await response.json()) as { id: number };
    const decoder = valueDecoder('payments', schemaSource(registryUrl));
    const proof = valueEncoder('proofs', ids.proofs).encode(examples('proofs')[0] as never);
    await decoder.prepare([header(id), proof]);
    const refused = { refused: { code: 'SCHEMA_INCOMPATIBLE' } };
    expect(decoder.decode(header(id))).toMatchObject(refused);
    expect(decoder.decode(proof)).toMatchObject(refused);
  });

  it('that are dead letters keep key, value and headers as they were', async () => {
    const topic = deadLetterTopic(topicName('payments', prefix));
    const sent: OutgoingRecord[] = [
      { key: null, value: null, partition: 0 },
      {
        key: Buffer.from([0xff, 0x00]),
        value: Buffer.alloc(0),
        partition: 0,
        headers: [
          { name: 'trace', value: Buffer.from([0, 0xff]) },
          { name: 'none', value: null },
          { name: 'trace', value: null },
          { name: 'empty', value: Buffer.alloc(0) },
        ],
      },
    ];
    await producer.send(topic, sent);
    const [first, second] = await readAll(topic);
    expect([first?.key, first?.value, first?.headers]).toEqual([null, null, {}]);
    expect([second?.key, second?.value]).toEqual([Buffer.from([0xff, 0x00]), Buffer.alloc(0)]);
    expect(second?.headers).toEqual({
      trace: [Buffer.from([0, 0xff]), null],
      none: null,
      empty: Buffer.alloc(0),
    });
  });
});

describe('batches', () => {
  it('of every codec we write are read', async () => {
    const prefix = `${run}codecs.`;
    await deployTopics(settings, { prefix });
    const topic = topicName('releases', prefix);
    const raw = kafkaClient(settings).producer();
    await raw.connect();
    // All that we write; zstd is only read (test/unit/kafka/codecs.test.ts).
    const { None, GZIP, Snappy, LZ4 } = CompressionTypes;
    const codecs = [None, GZIP, Snappy, LZ4];
    try {
      for (const compression of codecs) {
        await raw.send({ topic, compression, messages: [{ key: 'k', value: `codec ${compression} `.repeat(1_000) }] });
      }
    } finally {
      await raw.disconnect();
    }
    const texts = (await readAll(topic)).map(({ value }) => value?.toString());
    expect(texts).toEqual(codecs.map((compression) => `codec ${compression} `.repeat(1_000)));
  });

  it('larger than a broker takes at once arrive in parts and in order', async () => {
    const prefix = `${run}large.`;
    await deployTopics(settings, { prefix });
    const topic = topicName('releases', prefix);
    // Noise does not compress: together these are five times what the broker takes.
    const values = Array.from({ length: 50 }, () => randomBytes(100_000));
    await producer.send(
      topic,
      values.map((value) => ({ key: 'm', value })),
    );
    const read = await readAll(topic);
    expect(read.map(({ value }, i) => value?.equals(values[i] ?? Buffer.alloc(0)))).toEqual(values.map(() => true));
    await expect(producer.send(topic, [{ key: 'm', value: randomBytes(3_000_000) }])).rejects.toMatchObject({
      code: 'KAFKA_REFUSED',
    });
  });
});

describe('a broker that is away', () => {
  it('is told from one that refuses', async () => {
    const nobody = { ...settings, brokers: ['127.0.0.1:1'] };
    await expect(createProducer(nobody)).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    await expect(createAdmin(nobody)).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    await expect(deployTopics(nobody)).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
  });
});

function avro(schema: object): { type: never; schema: string } {
  return { type: 'AVRO' as never, schema: JSON.stringify(schema) };
}

function withField(
  stream: 'proofs' | 'agents',
  change: (fields: AvroRecordSchema['fields']) => AvroRecordSchema['fields'],
): AvroRecordSchema {
  const schema = schemaOf(stream);
  return { ...schema, fields: change(schema.fields) };
}
