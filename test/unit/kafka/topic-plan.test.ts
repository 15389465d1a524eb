import { describe, expect, it } from 'vitest';

import { type PlannedTopic, planTopics, topicFaults } from '../../../services/shared/kafka/topic-plan.js';

function planned(name: string, topics = planTopics({})): PlannedTopic {
  const found = topics.find(({ topic }) => topic === name);
  if (found === undefined) throw new Error(`${name} is not planned`);
  return found;
}

function asFound(topic: PlannedTopic, change: Record<string, string> = {}, partitions = topic.partitions) {
  return { partitions, config: new Map(Object.entries({ ...topic.config, ...change })) };
}

describe('the plan of topics', () => {
  it('has the five inputs, a dead letter topic for each and the alerts', () => {
    expect(planTopics({}).map(({ topic, partitions }) => `${topic} ${partitions}`)).toEqual([
      'opengradient.releases.v1 1',
      'opengradient.releases.v1.dlq 1',
      'opengradient.inferences.v1 3',
      'opengradient.inferences.v1.dlq 3',
      'opengradient.proofs.v1 3',
      'opengradient.proofs.v1.dlq 3',
      'opengradient.payments.v1 3',
      'opengradient.payments.v1.dlq 3',
      'opengradient.agents.v1 3',
      'opengradient.agents.v1.dlq 3',
      'backtrail.alerts.v1 3',
    ]);
  });

  it('has append time everywhere, and releases that are neither compacted nor ever deleted', () => {
    for (const { config } of planTopics({})) expect(config['message.timestamp.type']).toBe('LogAppendTime');
    expect(planned('opengradient.releases.v1').config).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'retention.bytes': '-1',
    });
  });

  it('keeps releases in one partition, however many the others have', () => {
    const topics = planTopics({ prefix: 'x.', partitions: 7 });
    expect(planned('x.opengradient.releases.v1', topics).partitions).toBe(1);
    expect(planned('x.opengradient.proofs.v1', topics).partitions).toBe(7);
    expect(planned('x.backtrail.alerts.v1', topics).partitions).toBe(7);
  });

  it('gives throw-away topics any time a story needs, but not their dead letters', () => {
    const topics = planTopics({ timestampType: 'CreateTime' });
    expect(planned('opengradient.payments.v1', topics).config).toMatchObject({
      'message.timestamp.type': 'CreateTime',
      'message.timestamp.after.max.ms': '9223372036854775807',
      'retention.ms': '-1',
    });
    expect(planned('opengradient.payments.v1.dlq', topics).config['message.timestamp.type']).toBe('LogAppendTime');
  });
});

describe('a topic that exists', () => {
  const releases = planned('opengradient.releases.v1');
  const payments = planned('opengradient.payments.v1');

  it('is fine as planned, and with settings that are its operator business', () => {
    expect(topicFaults(releases, asFound(releases))).toEqual([]);
    expect(topicFaults(payments, asFound(payments, { 'retention.ms': '1000' }, 12))).toEqual([]);
  });

  it('is at fault when it would give wrong answers, and every fault is named', () => {
    const found = asFound(releases, { 'message.timestamp.type': 'CreateTime', 'retention.ms': '1000' }, 3);
    expect(topicFaults(releases, found)).toEqual([
      'opengradient.releases.v1 has message.timestamp.type=CreateTime and needs LogAppendTime',
      'opengradient.releases.v1 has 3 partitions and needs exactly 1',
      'opengradient.releases.v1 has retention.ms=1000 and needs -1',
    ]);
    expect(topicFaults(payments, asFound(payments, { 'cleanup.policy': 'compact,delete' }))).toEqual([
      'opengradient.payments.v1 has cleanup.policy=compact,delete and needs delete',
    ]);
  });
});
