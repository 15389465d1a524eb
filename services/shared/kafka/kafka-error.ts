import { BacktrailError, type ErrorCode } from '../errors.js';

// The answers a broker gives to a member whose group has moved on without it.
const GROUP_MOVED = [
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
];

// What a commit is told while kafkajs joins the group anew, after an outage of the broker.
const NOT_JOINED = 'Consumer group was not initialized';

// Of an outage, too, though kafkajs would not try again: it asked one broker only while another starts; it waited for its own
// turn, behind somebody who waits for a broker.
const AWAY = ['KafkaJSGroupCoordinatorNotFound', 'KafkaJSLockTimeout'];

/** Translates what kafkajs throws. Everything that kafkajs calls worth another try is an outage, which is waited out. */
export function translateKafka(error: unknown): BacktrailError {
  if (error instanceof BacktrailError) return error;
  const origin = originOf(error);
  const message = origin instanceof Error ? origin.message : String(origin);
  return new BacktrailError(codeOf(origin, error), message, { cause: error });
}

function codeOf(origin: unknown, error: unknown): ErrorCode {
  const type = property(origin, 'type');
  if (typeof type === 'string' && GROUP_MOVED.includes(type)) return 'KAFKA_GROUP_MOVED';
  if (origin instanceof Error && origin.message.startsWith(NOT_JOINED)) return 'KAFKA_GROUP_MOVED';
  if (AWAY.includes(String(property(origin, 'name')))) return 'KAFKA_UNREACHABLE';
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return 'KAFKA_TOPIC_MISSING';
  const ours =
    String(property(error, 'name')).startsWith('KafkaJS') || String(property(origin, 'name')).startsWith('KafkaJS');
  if (!ours) return 'UNKNOWN';
  return property(origin, 'retriable') === false ? 'KAFKA_REFUSED' : 'KAFKA_UNREACHABLE';
}

/** kafkajs wraps what happened once or twice on its way up. */
function originOf(error: unknown): unknown {
  let origin = error;
  for (let depth = 0; depth < 5; depth += 1) {
    const cause = property(origin, 'cause');
    if (!(cause instanceof Error)) break;
    origin = cause;
  }
  return origin;
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
