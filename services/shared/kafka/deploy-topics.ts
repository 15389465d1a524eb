import { type Admin, ConfigResourceTypes } from 'kafkajs';

import { BacktrailError } from '../errors.js';
import { withAdmin } from './admin.js';
import type { KafkaSettings } from './client.js';
import { type FoundTopic, type PlannedTopic, planTopics, topicFaults, type TopicPlanOptions } from './topic-plan.js';

export interface DeployedTopics {
  readonly created: readonly string[];
  readonly existing: readonly string[];
}

const CREATE_TIMEOUT_MS = 30_000;
const BROKER_DEFAULT = -1;

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
    const existing = planned.filter(({ topic }) => before.has(topic));
    await verify(admin, existing);
    return { created: missing.map(({ topic }) => topic), existing: existing.map(({ topic }) => topic) };
  });
}

/** Deletes every topic with this prefix. For throw-away topics: an empty prefix is refused. */
export async function deleteTopics(settings: KafkaSettings, prefix: string): Promise<string[]> {
  if (prefix === '') throw new BacktrailError('KAFKA_REFUSED', 'topics without a prefix are never deleted');
  return withAdmin(settings, async (admin) => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix)).sort();
    if (topics.length > 0) await admin.deleteTopics({ topics });
    return topics;
  });
}

async function create(admin: Admin, topics: readonly PlannedTopic[]): Promise<void> {
  // False when somebody else was faster, which is as good.
  await admin.createTopics({
    timeout: CREATE_TIMEOUT_MS,
    waitForLeaders: true,
    topics: topics.map(({ topic, partitions, config }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor: BROKER_DEFAULT,
      configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
    })),
  });
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
      resources: names.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
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
