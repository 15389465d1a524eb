import { KafkaJSNonRetriableError } from 'kafkajs';
import { expect, test } from 'vitest';
import { translateKafka } from '../../../services/shared/kafka/kafka-error.js';

test('a commit while the group is joined anew means that the group has moved, not that Kafka refuses', () => {
  const error = new KafkaJSNonRetriableError('Consumer group was not initialized, consumer#run must be called first');
  expect(translateKafka(error).code).toBe('KAFKA_GROUP_MOVED');
});

test.each(['KafkaJSGroupCoordinatorNotFound', 'KafkaJSLockTimeout'])('%s is an outage', (name) => {
  const error = Object.assign(new KafkaJSNonRetriableError('Timeout while acquiring lock (15 waiting locks)'), {
    name,
  });
  expect(translateKafka(error).outcome).toBe('retry');
});

test('any other error that kafkajs would not try again is a refusal', () => {
  expect(translateKafka(new KafkaJSNonRetriableError('no')).code).toBe('KAFKA_REFUSED');
});
