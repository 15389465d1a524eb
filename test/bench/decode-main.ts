import { topicName } from '../../schemas/topics.js';
import { loadConfig } from '../../services/shared/config.js';
import { kafkaClient } from '../../services/shared/kafka/client.js';
import { valueDecoder } from '../../services/shared/kafka/decode.js';
import { schemaSource } from '../../services/shared/kafka/registry.js';

/** kafkajs, with our gzip codec, and a full decode of every record by avsc: the limit of any consumer built on the two. */
const config = loadConfig(process.env);
const topic = topicName('inferences', config.kafka.topicPrefix);
const decoder = valueDecoder('inferences', schemaSource(config.registry));
const consumer = kafkaClient(config.kafka).consumer({
  groupId: `${config.kafka.topicPrefix}bench.decode`,
  maxWaitTimeInMs: 100,
  maxBytesPerPartition: 1_048_576,
});
const wanted = Number(process.argv[2]);
let count = 0;
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
consumer.on(consumer.events.GROUP_JOIN, () => {
  console.log('begin');
});
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch }) => {
    await decoder.prepare(batch.messages.map(({ value }) => value));
    for (const { value } of batch.messages) if ('ok' in decoder.decode(value)) count += 1;
    if (count >= wanted) console.log('end');
  },
});
process.on('SIGTERM', () => {
  process.exit(0);
});
