import { topicName } from '../../schemas/topics.js';
import { loadConfig } from '../../services/shared/config.js';
import { valueDecoder } from '../../services/shared/kafka/decode.js';
import { schemaSource } from '../../services/shared/kafka/registry.js';
import { readBare } from './bare-consumer.js';

/** A full decode of every record by avsc: the limit of any consumer built on it and kafkajs. */
const config = loadConfig(process.env);
const decoder = valueDecoder('inferences', schemaSource(config.registry));
await readBare(Number(process.argv[2]), {
  config,
  name: 'decode',
  topics: [topicName('inferences', config.kafka.topicPrefix)],
  bytesPerPartition: 1_048_576,
  take: async ({ messages }) => {
    await decoder.prepare(messages.map(({ value }) => value));
    return messages.filter(({ value }) => 'ok' in decoder.decode(value)).length;
  },
});
