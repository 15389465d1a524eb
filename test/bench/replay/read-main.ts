import { topicName } from '../../../schemas/topics.js';
import { loadConfig } from '../../../services/shared/config.js';
import { kafkaClient } from '../../../services/shared/kafka/client.js';
import { STREAMS } from '../../../services/replay/manifest.js';

/** kafkajs, with our gzip codec, reading every record of all input topics and doing nothing with it. */
const config = loadConfig(process.env);
const consumer = kafkaClient(config.kafka).consumer({
  groupId: `${config.kafka.topicPrefix}bench.read`,
  maxWaitTimeInMs: 100,
  maxBytesPerPartition: 524_288,
});
const wanted = Number(process.argv[2]);
let count = 0;
await consumer.connect();
await consumer.subscribe({
  topics: STREAMS.map((stream) => topicName(stream, config.kafka.topicPrefix)),
  fromBeginning: true,
});
consumer.on(consumer.events.GROUP_JOIN, () => {
  console.log('begin');
});
await consumer.run({
  autoCommit: false,
  eachBatch: ({ batch }) => {
    count += batch.messages.length;
    if (count >= wanted) console.log('end');
    return Promise.resolve();
  },
});
process.on('SIGTERM', () => {
  process.exit(0);
});
