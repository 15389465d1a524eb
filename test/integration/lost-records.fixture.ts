import { createAdmin, withAdmin } from '../../services/shared/kafka/admin.js';
import { createTopics } from '../../services/shared/kafka/deploy-topics.js';
import { planTopics } from '../../services/shared/kafka/topic-plan.js';
import type { Stream } from '../../services/shared/core/record.js';
import { type TestNetwork, waitUntil } from './services.fixture.js';

/** What retention does to the first partition of a topic. */
export async function deleteBelow(network: TestNetwork, stream: Stream, offset: number): Promise<void> {
  const topic = network.topic(stream);
  await withAdmin(network.config.kafka, async (admin) => {
    await admin.fetchTopicOffsets(topic); // It only deletes where it knows the leader.
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  });
}

/** Another log under the same name. */
export async function makeAnew(network: TestNetwork, stream: Stream): Promise<void> {
  const topic = network.topic(stream);
  const { kafka } = network.config;
  await withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [topic] }));
  const admin = await createAdmin(kafka);
  try {
    await waitUntil('the topic is gone', async () => !(await admin.topics()).includes(topic));
  } finally {
    await admin.close();
  }
  const planned = planTopics({ prefix: kafka.topicPrefix }).filter((one) => one.topic === topic);
  await createTopics(kafka, planned);
}
