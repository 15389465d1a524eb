/**
 * The internal topic through which a service that wrote inferences tells the payments that wait for them. A record is a
 * key, the payment id, and nothing else: whoever reads it computes the payment again from the facts.
 */
export const TOUCHED_TOPIC = { topic: 'backtrail.touched.v1', partitions: 3, retentionMs: 7 * 86_400_000 } as const;

export function touchedTopic(prefix: string): string {
  return `${prefix}${TOUCHED_TOPIC.topic}`;
}
