import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { TOPIC_STREAMS, TOPICS } from '../../../schemas/topics.js';
import { planTopics } from '../../../services/shared/kafka/topic-plan.js';
import { packageRoot } from '../../../services/shared/package-root.js';

interface Reference {
  $ref: string;
}
interface Channel {
  address: string;
  messages: Record<string, Reference>;
  bindings: { kafka: { partitions: number; topicConfiguration: Record<string, unknown> } };
}
interface Document {
  asyncapi: string;
  channels: Record<string, Channel>;
  operations: Record<string, { action: string; channel: Reference }>;
  components: {
    messages: Record<
      string,
      { payload?: { schema: Reference }; bindings?: { kafka: { key: { description: string } } } }
    >;
  };
}

const folder = join(packageRoot(), 'schemas');
const document = parse(readFileSync(join(folder, 'asyncapi.yaml'), 'utf8')) as Document;
const channels = Object.values(document.channels);

const published = planTopics({});

describe('asyncapi.yaml', () => {
  it('names every topic, with the settings it is deployed with', () => {
    expect(document.asyncapi).toBe('3.0.0');
    expect(channels.map(({ address }) => address).sort()).toEqual(published.map(({ topic }) => topic).sort());
    for (const { topic, partitions, config } of published) {
      const { kafka } = channels.find(({ address }) => address === topic)?.bindings ?? {};
      expect([topic, kafka?.partitions]).toEqual([topic, partitions]);
      const said = Object.entries(kafka?.topicConfiguration ?? {}).map(([name, value]) => [name, String(value)]);
      expect([topic, Object.fromEntries(said)]).toEqual([topic, config]);
    }
  });

  it.each(TOPIC_STREAMS)('gives the schema file and the key of %s', (stream) => {
    const { topic, schemaFile, keyField } = TOPICS[stream];
    const messages = channels.find(({ address }) => address === topic)?.messages ?? {};
    const [name = ''] = Object.keys(messages);
    const message = document.components.messages[name];
    expect(message?.payload?.schema.$ref).toBe(`./${schemaFile}`);
    expect(existsSync(join(folder, schemaFile))).toBe(true);
    expect(message?.bindings?.kafka.key.description).toContain(keyField);
  });

  it('refers to nothing that is not there', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
    expect(references.length).toBeGreaterThan(20);
    for (const reference of references) {
      const found = reference
        .split('/')
        .reduce<unknown>((node, name) => (node as Record<string, unknown>)[name], document);
      expect(found, reference).toBeDefined();
    }
  });

  it('has an operation for every channel', () => {
    const used = Object.values(document.operations).map(({ channel }) => channel.$ref);
    expect(used.sort()).toEqual(
      Object.keys(document.channels)
        .map((name) => `#/channels/${name}`)
        .sort(),
    );
  });
});
