import { deadLetterTopic, TOPIC_STREAMS, topicName, TOPICS } from '../../../schemas/topics.js';

export type TimestampType = 'LogAppendTime' | 'CreateTime';

export interface TopicPlanOptions {
  /** Before every name; empty for the real topics. */
  readonly prefix?: string;
  /** Of the topics whose number of partitions is free. */
  readonly partitions?: number;
  /** CreateTime lets scenario runs say when a record was appended. Never for real topics. */
  readonly timestampType?: TimestampType;
}

/** A topic as it is to be. */
export interface PlannedTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly partitionsFixed: boolean;
  readonly config: Readonly<Record<string, string>>;
}

const UNLIMITED = '-1';
const ANY_TIME_MS = '9223372036854775807';
// A dead letter is a record that the broker took, plus headers that say why it is one.
const DEAD_LETTER_BYTES_MAX = '2097152';

/** All topics of a deployment: the inputs, their dead letter topics, and the outputs. */
export function planTopics({ prefix = '', partitions, timestampType }: TopicPlanOptions): PlannedTopic[] {
  return TOPIC_STREAMS.flatMap((stream): PlannedTopic[] => {
    const spec = TOPICS[stream];
    const topic = topicName(stream, prefix);
    const { partitionsFixed } = spec;
    const count = partitionsFixed ? spec.partitions : (partitions ?? spec.partitions);
    const ours = { topic, partitions: count, partitionsFixed };
    if (spec.role === 'output') return [{ ...ours, config: appendTime(spec.retentionMs) }];
    const config = timestampType === 'CreateTime' ? createTime() : appendTime(spec.retentionMs);
    const deadLetters = { ...appendTime(-1), 'max.message.bytes': DEAD_LETTER_BYTES_MAX };
    return [
      { ...ours, config },
      { topic: deadLetterTopic(topic), partitions: count, partitionsFixed: false, config: deadLetters },
    ];
  });
}

function appendTime(retentionMs: number): Record<string, string> {
  return {
    'message.timestamp.type': 'LogAppendTime',
    'cleanup.policy': 'delete',
    'retention.ms': String(retentionMs),
    // Only time may end a record's life: a limit on bytes would drop records that nobody has read.
    'retention.bytes': UNLIMITED,
  };
}

/** Stories play in any year: neither may their records be too far in the future, nor old enough to be deleted. */
function createTime(): Record<string, string> {
  return {
    'message.timestamp.type': 'CreateTime',
    'message.timestamp.before.max.ms': ANY_TIME_MS,
    'message.timestamp.after.max.ms': ANY_TIME_MS,
    'cleanup.policy': 'delete',
    'retention.ms': UNLIMITED,
    'retention.bytes': UNLIMITED,
  };
}

/** A topic as a broker has it. */
export interface FoundTopic {
  readonly partitions: number;
  readonly config: ReadonlyMap<string, string>;
}

/** What of a topic that exists would give wrong answers, as sentences. Other settings are its operator's business. */
export function topicFaults(planned: PlannedTopic, found: FoundTopic): string[] {
  const faults: string[] = [];
  const mustBe = (name: string, wrong: (value: string) => boolean): void => {
    const value = found.config.get(name);
    const wanted = planned.config[name];
    if (value === undefined || wanted === undefined || !wrong(value)) return;
    faults.push(`${planned.topic} has ${name}=${value} and needs ${wanted}`);
  };
  mustBe('message.timestamp.type', (value) => value !== planned.config['message.timestamp.type']);
  mustBe('cleanup.policy', (value) => value.includes('compact'));
  if (planned.partitionsFixed) {
    if (found.partitions !== planned.partitions) {
      faults.push(`${planned.topic} has ${found.partitions} partitions and needs exactly ${planned.partitions}`);
    }
    mustBe('retention.ms', (value) => value !== planned.config['retention.ms']);
  }
  return faults;
}
