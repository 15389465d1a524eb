import kafkajs, { type Admin } from 'kafkajs';

import { elapsedMs, sleep } from '../clock.js';
import { BacktrailError } from '../errors.js';
import { withAdmin } from './admin.js';
import type { KafkaSettings } from './client.js';
import { translateKafka } from './kafka-error.js';
import { type FoundTopic, type PlannedTopic, planTopics, topicFaults, type TopicPlanOptions } from './topic-plan.js';

export interface DeployedTopics {
  readonly created: readonly string[];
  readonly existing: readonly string[];
}

const CREATE_TIMEOUT_MS = 30_000;
const BROKER_DEFAULT = -1;
const WAIT_MAX_MS = 30_000;
const POLL_MS = 50;

/**
 * Creates the topics that are missing and looks at those that exist; may be run again and by several at once. Never
 * changes a topic. Throws KAFKA_REFUSED naming every setting of an existing topic that would give wrong answers.
 */
export async function deployTopics(settings: KafkaSettings, options: TopicPlanOptions = {}): Promise<DeployedTopics> {
  return withAdmin(settings, async (admin) => {
    const planned = planTopics(options);
    const before = new Set(await admin.listTopics());
    const missing = planned.filter(({ topic }) => !before.has(topic));
    if (missing.length > 0) await create(admin, missing);
    await untilServed(admin, missing);
    const existing = planned.filter(({ topic }) => before.has(topic));
    await verify(admin, existing);
    return { created: missing.map(({ topic }) => topic), existing: existing.map(({ topic }) => topic) };
  });
}

/** Creates topics that are nobody else's, all in one request, and waits until they are served. */
export async function createTopics(settings: KafkaSettings, planned: readonly PlannedTopic[]): Promise<void> {
  await withAdmin(settings, async (admin) => {
    await create(admin, planned);
    await untilServed(admin, planned);
  });
}

/** Deletes every topic with this prefix, and waits until it is gone. An empty prefix is refused. */
export async function deleteTopics(settings: KafkaSettings, prefix: string): Promise<string[]> {
  if (prefix === '') throw new BacktrailError('KAFKA_REFUSED', 'topics without a prefix are never deleted');
  return withAdmin(settings, async (admin) => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix)).sort();
    if (topics.length > 0) await admin.deleteTopics({ topics });
    // Brokers list a topic for a while after they agreed to delete it.
    await until(`topics starting with ${prefix} are deleted`, async () => {
      return !(await admin.listTopics()).some((topic) => topic.startsWith(prefix));
    });
    return topics;
  });
}

async function create(admin: Admin, topics: readonly PlannedTopic[]): Promise<void> {
  // False when somebody else was faster, which is as good.
  await admin.createTopics({
    timeout: CREATE_TIMEOUT_MS,
    waitForLeaders: false,
    topics: topics.map(({ topic, partitions, config }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor: BROKER_DEFAULT,
      configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
    })),
  });
}

/** Brokers know who leads a partition a moment before the leader itself does. Until then, every request is refused. */
async function untilServed(admin: Admin, topics: readonly PlannedTopic[]): Promise<void> {
  await Promise.all(
    topics.map(({ topic }) =>
      until(`${topic} is served`, async () => {
        try {
          await admin.fetchTopicOffsets(topic);
          return true;
        } catch (error) {
          const { code, outcome } = translateKafka(error);
          if (outcome === 'retry' || code === 'KAFKA_TOPIC_MISSING') return false;
          throw error;
        }
      }),
    ),
  );
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const limitMs = elapsedMs() + WAIT_MAX_MS;
  while (!(await holds())) {
    if (elapsedMs() > limitMs) throw new BacktrailError('KAFKA_UNREACHABLE', `waited in vain until ${what}`);
    await sleep(POLL_MS);
  }
}

async function verify(admin: Admin, topics: readonly PlannedTopic[]): Promise<void> {
  if (topics.length === 0) return;
  const found = await describe(admin, topics);
  const faults = topics.flatMap((planned) => {
    const topic = found.get(planned.topic);
    return topic === undefined ? [] : topicFaults(planned, topic);
  });
  if (faults.length === 0) return;
  const advice = 'Change the setting with kafka-configs, or move the topic away and run `backtrail migrate` again.';
  throw new BacktrailError('KAFKA_REFUSED', `${faults.join('; ')}. ${advice}`);
}

async function describe(admin: Admin, planned: readonly PlannedTopic[]): Promise<Map<string, FoundTopic>> {
  const names = planned.map(({ topic }) => topic);
  const [metadata, described] = await Promise.all([
    admin.fetchTopicMetadata({ topics: names }),
    admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
    }),
  ]);
  const configs = new Map(described.resources.map(({ resourceName, configEntries }) => [resourceName, configEntries]));
  return new Map(
    metadata.topics.map(({ name, partitions }) => {
      const entries = (configs.get(name) ?? []).map((entry) => [entry.configName, entry.configValue] as const);
      return [name, { partitions: partitions.length, config: new Map(entries) }];
    }),
  );
}
