import type { ICustomPartitioner } from 'kafkajs';

const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;
const ROTATE = 24;

/**
 * The partition Java's default partitioner gives a key: every producer of a topic has to agree, or one key is in two
 * partitions. (kafkajs has the same function on its own Long, which takes 2.5 us a key.)
 */
export function partitionOf(key: Buffer | string, partitions: number): number {
  return (murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fffffff) % partitions;
}

/** kafkajs's hook. Records without a key go round robin; an explicit partition wins. */
export const javaCompatiblePartitioner: ICustomPartitioner = () => {
  let turn = 0;
  return ({ partitionMetadata, message }) => {
    if (message.partition !== undefined) return message.partition;
    if (message.key === null || message.key === undefined) return turn++ % partitionMetadata.length;
    return partitionOf(message.key, partitionMetadata.length);
  };
};

/** murmur2 as in org.apache.kafka.common.utils.Utils, a signed 32-bit number. */
export function murmur2(data: Buffer): number {
  const { length } = data;
  const whole = length - (length % 4);
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(data.readInt32LE(at), MIX);
    word ^= word >>> ROTATE;
    hash = Math.imul(hash, MIX) ^ Math.imul(word, MIX);
  }
  if (length > whole) {
    for (let at = length - 1; at >= whole; at -= 1) hash ^= data.readUInt8(at) << (8 * (at - whole));
    hash = Math.imul(hash, MIX);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MIX);
  return hash ^ (hash >>> 15);
}
