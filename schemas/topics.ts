import type {
  AgentRecord,
  AlertRecord,
  InferenceRecord,
  PaymentRecord,
  ProofRecord,
  ReleaseRecord,
} from './types.generated.js';

/** The record of each topic, by the short name of its stream. */
export interface TopicRecord {
  releases: ReleaseRecord;
  inferences: InferenceRecord;
  proofs: ProofRecord;
  payments: PaymentRecord;
  agents: AgentRecord;
  alerts: AlertRecord;
}
export type TopicStream = keyof TopicRecord;

/** What a topic is, wherever it is deployed. Names here are without the prefix of throw-away topics. */
export interface TopicSpec<S extends TopicStream = TopicStream> {
  readonly stream: S;
  /** `input` topics are read by the services and have a dead letter topic; `output` topics are written by them. */
  readonly role: 'input' | 'output';
  readonly topic: string;
  /** File in schemas/, and the folder of released versions without `.avsc`. */
  readonly schemaFile: string;
  /** The field whose value is the record's key. */
  readonly keyField: keyof TopicRecord[S] & string;
  readonly partitions: number;
  /** True where the order of all records has a meaning, so that another number of partitions is an error. */
  readonly partitionsFixed: boolean;
  /** -1 is unlimited. */
  readonly retentionMs: number;
}

const DAY_MS = 86_400_000;
const UNLIMITED = -1;
// Facts live on in ClickHouse. The log is kept a year longer for replays and for records that are months late.
const EVENT_RETENTION_MS = 365 * DAY_MS;

/** The one table of topics. A further stream is one line here, one schema and its examples. */
export const TOPICS: { readonly [S in TopicStream]: TopicSpec<S> } = {
  // One partition, because the offset is the total order of release knowledge; unlimited, because each instance
  // reads all of it at every start.
  releases: input('releases', 'opengradient.releases.v1', 'model_id', { partitions: 1, retentionMs: UNLIMITED }),
  inferences: input('inferences', 'opengradient.inferences.v1', 'inference_id'),
  proofs: input('proofs', 'opengradient.proofs.v1', 'inference_id'),
  payments: input('payments', 'opengradient.payments.v1', 'payment_id'),
  agents: input('agents', 'opengradient.agents.v1', 'agent_id'),
  alerts: {
    stream: 'alerts',
    role: 'output',
    topic: 'backtrail.alerts.v1',
    schemaFile: 'backtrail.alerts.v1.avsc',
    keyField: 'alert_id',
    partitions: 3,
    partitionsFixed: false,
    retentionMs: UNLIMITED,
  },
};

export const TOPIC_STREAMS = Object.keys(TOPICS) as TopicStream[];

/** The name of a stream's topic. Scenario runs and tests put a prefix before every name they create. */
export function topicName(stream: TopicStream, prefix = ''): string {
  return `${prefix}${TOPICS[stream].topic}`;
}

/** Where records that can never be processed are kept, with their key, value and headers untouched. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dlq`;
}

/** The registry subject of a topic's values. */
export function subjectName(topic: string): string {
  return `${topic}-value`;
}

/** The stream of a topic that carries this prefix, or null if it is none of ours. */
export function streamOfTopic(topic: string, prefix = ''): TopicStream | null {
  return TOPIC_STREAMS.find((stream) => topicName(stream, prefix) === topic) ?? null;
}

/** The Kafka key of a record: the value of its stream's key field. */
export function keyOf<S extends TopicStream>(stream: S, record: TopicRecord[S]): string {
  return String(record[TOPICS[stream].keyField]);
}

function input<S extends TopicStream>(
  stream: S,
  topic: string,
  keyField: keyof TopicRecord[S] & string,
  own: { partitions: number; retentionMs: number } | null = null,
): TopicSpec<S> {
  return {
    stream,
    role: 'input',
    topic,
    schemaFile: `${topic}.avsc`,
    keyField,
    partitions: own?.partitions ?? 3,
    partitionsFixed: own !== null,
    retentionMs: own?.retentionMs ?? EVENT_RETENTION_MS,
  };
}
