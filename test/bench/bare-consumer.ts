import type { Batch } from 'kafkajs';

import type { Config } from '../../services/shared/config.js';
import { kafkaClient } from '../../services/shared/kafka/client.js';

interface Reading {
  readonly config: Config;
  readonly name: string;
  readonly topics: readonly string[];
  readonly bytesPerPartition: number;
  /** What is done with a batch. Returns how many records it counts as. */
  readonly take: (batch: Batch) => Promise<number> | number;
}

/** kafkajs, with our codecs and without our runtime: says `begin` when it has joined, and `end` after so many records. */
export async function readBare(
  wanted: number,
  { config, name, topics, bytesPerPartition, take }: Reading,
): Promise<void> {
  const consumer = kafkaClient(config.kafka).consumer({
    groupId: `${config.kafka.topicPrefix}bench.${name}`,
    maxWaitTimeInMs: 100,
    maxBytesPerPartition: bytesPerPartition,
  });
  let count = 0;
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  consumer.on(consumer.events.GROUP_JOIN, () => {
    console.log('begin');
  });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      count += await take(batch);
      if (count >= wanted) console.log('end');
    },
  });
  process.on('SIGTERM', () => {
    process.exit(0);
  });
}
