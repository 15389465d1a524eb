import { streamOfTopic, TOPICS, topicName, type TopicStream } from '../../schemas/topics.js';
import type { Stream } from '../shared/core/record.js';

/** Where a record lies in the log; of a dead letter, its id. */
export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

const ID = /^([a-zA-Z0-9._-]+)\/(\d{1,9})\/(\d{1,19})$/;

/** `<topic>/<partition>/<offset>`. */
export function idOf({ topic, partition, offset }: Position): string {
  return `${topic}/${partition}/${offset}`;
}

/** The position that an id names, with the short name of a stream for its topic as well; null when it is none. */
export function positionOf(id: string, prefix: string): Position | null {
  const [, name = '', partition = '', offset = ''] = ID.exec(id) ?? [];
  const topic = inputTopic(name, prefix);
  return topic === null ? null : { topic, partition: Number(partition), offset: BigInt(offset) };
}

/** The input topic of this name: that of a stream (`inferences`), its own with or without the prefix; null for others. */
export function inputTopic(name: string, prefix: string): string | null {
  const stream = (Object.keys(TOPICS) as TopicStream[]).find(
    (each) => name === each || name === TOPICS[each].topic || name === topicName(each, prefix),
  );
  return stream === undefined || TOPICS[stream].role !== 'input' ? null : topicName(stream, prefix);
}

/** The stream of an input topic. Throws for others: dead letters come from input topics only. */
export function streamOf(topic: string, prefix: string): Stream {
  const stream = streamOfTopic(topic, prefix);
  if (stream === null || stream === 'alerts') throw new Error(`${topic} is no input topic`);
  return stream;
}
