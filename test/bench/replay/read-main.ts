import { topicName } from '../../../schemas/topics.js';
import { loadConfig } from '../../../services/shared/config.js';
import { STREAMS } from '../../../services/replay/manifest.js';
import { readBare } from '../bare-consumer.js';

/** Reads every record of all input topics and does nothing with it. */
const config = loadConfig(process.env);
await readBare(Number(process.argv[2]), {
  config,
  name: 'read',
  topics: STREAMS.map((stream) => topicName(stream, config.kafka.topicPrefix)),
  bytesPerPartition: 524_288,
  take: ({ messages }) => messages.length,
});
