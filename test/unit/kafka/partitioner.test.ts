import { Partitioners } from 'kafkajs';
import { describe, expect, it } from 'vitest';

import { javaCompatiblePartitioner, murmur2, partitionOf } from '../../../services/shared/kafka/partitioner.js';

const partitionMetadata = [0, 1, 2].map((partitionId) => ({
  partitionErrorCode: 0,
  partitionId,
  leader: 0,
  replicas: [0],
  isr: [0],
}));

describe('the partitioner', () => {
  // From Kafka's own UtilsTest.java.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as Java does', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });

  it('agrees with kafkajs on keys of every length', () => {
    const theirs = Partitioners.DefaultPartitioner();
    const ours = javaCompatiblePartitioner();
    for (let length = 0; length < 200; length += 1) {
      const key = Buffer.from(`ключ-${'x7\uFFFDé'.repeat(length)}`).subarray(0, length);
      const args = { topic: 't', partitionMetadata, message: { key, value: null } };
      expect(ours(args)).toBe(theirs(args));
      expect(ours(args)).toBe(partitionOf(key, 3));
    }
  });

  it('follows an explicit partition, and goes round robin without a key', () => {
    const ours = javaCompatiblePartitioner();
    expect(ours({ topic: 't', partitionMetadata, message: { key: 'a', value: null, partition: 2 } })).toBe(2);
    const without = [1, 2, 3, 4].map(() =>
      ours({ topic: 't', partitionMetadata, message: { key: null, value: null } }),
    );
    expect(without).toEqual([0, 1, 2, 0]);
  });
});
