import type { Consumer, EachBatchPayload, IHeaders, KafkaMessage } from 'kafkajs';

import { sleep } from '../clock.js';
import { BacktrailError } from '../errors.js';
import type { Assigned, Batch, Commit, ConsumerHandlers, GroupConsumer, Header, LogRecord } from '../runtime/ports.js';
import { closeClient, kafkaClient, type KafkaSettings } from './client.js';
import { translateKafka } from './kafka-error.js';

export interface GroupConsumerOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** How long the partitions of a member that died wait for another owner. */
  readonly sessionTimeoutMs?: number;
  /** The group is of no use to anybody else, and is deleted when it is left. */
  readonly throwAway?: boolean;
}

const SESSION_TIMEOUT_MS = 15_000;
const HEARTBEAT_MS = 2_000;
// The longest a record waits for company in a fetch, and a resumed partition for its turn.
const FETCH_WAIT_MS = 100;
// As fast as more, with less memory: all records of a fetch are there at once.
const BYTES_PER_PARTITION = 524_288;
const RETRY = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 5 };
/** So long a group may hold up a member that is to leave. Whoever goes without a word is waited for by its session. */
const LEAVING_MAX_MS = 3_000;
const LEAVING_LOOK_MS = 250;

/** A consumer group on kafkajs that commits nothing by itself and reads each new partition from its beginning. */
export function groupConsumer(settings: KafkaSettings, options: GroupConsumerOptions): GroupConsumer {
  const { groupId, topics } = options;
  const client = kafkaClient(settings);
  const admin = client.admin();
  let stopping = false;
  const consumer = client.consumer({
    groupId,
    sessionTimeout: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytesPerPartition: BYTES_PER_PARTITION,
    // An outage is waited out: after a few tries kafkajs starts the consumer anew, again and again.
    retry: { ...RETRY, restartOnFailure: () => Promise.resolve(!stopping) },
  });
  let listening = false;
  let taken: Promise<void> = Promise.resolve();
  let joined = (): void => undefined;
  /** Aborts when it has joined for the first time since kafkajs started it, or has ended. */
  let starting: AbortController | null = null;
  const firstJoin = new Promise<void>((resolve) => {
    joined = resolve;
  });
  // Within a batch the payload's own commit is used: the consumer's is silently ignored once it is being stopped.
  let commitInBatch: EachBatchPayload['commitOffsetsIfNecessary'] | null = null;

  async function assignments(memberAssignment: Record<string, number[]>): Promise<Assigned[]> {
    const owned = Object.entries(memberAssignment).filter(([, partitions]) => partitions.length > 0);
    const perTopic = owned.map(async ([topic, partitions]) => {
      const [ends, committed] = await Promise.all([
        admin.fetchTopicOffsets(topic),
        admin.fetchOffsets({ groupId, topics: [topic] }),
      ]);
      return partitions.map((partition): Assigned => {
        const low = ends.find((end) => end.partition === partition)?.low ?? '0';
        const found = committed[0]?.partitions.find((entry) => entry.partition === partition);
        // Not -1, which is nothing, nor -2, which kafkajs commits when the log has lost the next offset.
        const known = found !== undefined && BigInt(found.offset) >= 0n;
        return {
          topic,
          partition,
          startOffset: BigInt(low),
          committed: known ? { nextOffset: BigInt(found.offset), metadata: found.metadata ?? '' } : null,
        };
      });
    });
    return (await Promise.all(perTopic)).flat();
  }

  async function eachBatch(payload: EachBatchPayload, handlers: ConsumerHandlers): Promise<void> {
    const { batch } = payload;
    const beat = (): Promise<void> => payload.heartbeat();
    await whileBeating(beat, async (signal) => {
      await taken;
      commitInBatch = (offsets) => payload.commitOffsetsIfNecessary(offsets);
      try {
        await handlers.batch(toBatch(batch), signal);
      } finally {
        commitInBatch = null;
      }
    });
    payload.resolveOffset(batch.lastOffset());
  }

  function listen(handlers: ConsumerHandlers): void {
    const { GROUP_JOIN, CRASH, END_BATCH_PROCESS } = consumer.events;
    consumer.on(GROUP_JOIN, ({ payload }) => {
      taken = handlers
        .moved()
        .then(() => assignments(payload.memberAssignment))
        .catch((error: unknown) => Promise.reject(translateKafka(error)))
        .then((assigned) => handlers.assigned(assigned));
      // Whoever awaits it next hears of it; until then it is nobody's unhandled rejection.
      taken.catch(() => undefined);
      joined();
      starting?.abort();
    });
    consumer.on(CRASH, ({ payload }) => {
      if (!payload.restart) starting?.abort();
      else if (starting?.signal.aborted === true) starting = new AbortController();
      if (payload.restart || stopping) return;
      const error = translateKafka(payload.error);
      // For kafkajs a coordinator that is not found is the end; for us it is one more outage.
      if (error.outcome === 'retry') void runAgain(handlers);
      else handlers.crashed(error);
    });
    // kafkajs passes over batches of transaction markers without telling; progress has to know.
    consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      if (payload.batchSize > 0) return;
      const { topic, partition } = payload;
      const nextOffset = BigInt(payload.lastOffset) + 1n;
      const empty: Batch = { topic, partition, records: [], nextOffset, endOffset: nextOffset };
      taken.then(() => handlers.batch(empty, new AbortController().signal)).catch(() => undefined);
    });
  }

  async function run(handlers: ConsumerHandlers): Promise<void> {
    starting = new AbortController();
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) =>
        eachBatch(payload, handlers).catch((error: unknown) => {
          const told = asKafkas(error);
          // kafkajs would deliver the batch again for ever, and nobody would hear of it.
          if (told instanceof BacktrailError && told.code === 'UNKNOWN') handlers.crashed(told);
          return Promise.reject(told);
        }),
    });
  }

  async function runAgain(handlers: ConsumerHandlers): Promise<void> {
    for (;;) {
      await sleep(RETRY.maxRetryTime);
      if (stopping) return;
      try {
        await consumer.connect();
        // A run that fails tells so as a crash.
        await run(handlers);
        return;
      } catch (error) {
        const known = translateKafka(error);
        if (known.outcome !== 'retry') {
          handlers.crashed(known);
          return;
        }
      }
    }
  }

  /** What is being applied is waited for, however long; a group that does not answer is not. */
  async function leave(): Promise<void> {
    // kafkajs does not stop a consumer that has not joined yet: it goes on with it when it has.
    if (starting !== null) await sleep(LEAVING_MAX_MS, starting.signal);
    if (starting?.signal.aborted === false) client.sockets.end();
    const left = new AbortController();
    const leaving = consumer.disconnect().finally(() => {
      left.abort();
    });
    for (let idleMs = 0; !left.signal.aborted; idleMs = commitInBatch === null ? idleMs + LEAVING_LOOK_MS : 0) {
      if (idleMs >= LEAVING_MAX_MS) client.sockets.end();
      await sleep(LEAVING_LOOK_MS, left.signal);
    }
    await leaving;
  }

  return {
    async start(handlers) {
      if (!listening) listen(handlers);
      listening = true;
      await translated(async () => {
        await Promise.all([admin.connect(), consumer.connect()]);
        await consumer.subscribe({ topics: [...topics], fromBeginning: true });
        await run(handlers);
      });
      // A run that fails to join resolves all the same, and kafkajs starts it anew.
      await firstJoin;
      await taken;
    },

    async commit(commits) {
      await translated(() => commitWith(consumer, commitInBatch, commits));
    },

    seek({ topic, partition, offset }) {
      consumer.seek({ topic, partition, offset: offset.toString() });
    },

    async stop() {
      stopping = true;
      try {
        await translated(leave);
        // Left alone it would be forgotten too, after a while.
        if (options.throwAway === true && !client.sockets.ended)
          await admin.deleteGroups([groupId]).catch(() => undefined);
      } finally {
        await closeClient(client, admin).catch(() => undefined);
      }
    },
  };
}

function commitWith(
  consumer: Consumer,
  commitInBatch: EachBatchPayload['commitOffsetsIfNecessary'] | null,
  commits: readonly Commit[],
): Promise<void> {
  const offsets = commits.map(({ topic, partition, nextOffset, metadata }) => ({
    topic,
    partition,
    offset: nextOffset.toString(),
    metadata,
  }));
  if (commitInBatch === null) return consumer.commitOffsets(offsets);
  return commitInBatch({
    topics: offsets.map(({ topic, ...partition }) => ({ topic, partitions: [partition] })),
  });
}

/** kafkajs rejoins the group when it is given its own error back. */
function asKafkas(error: unknown): Error {
  const known = translateKafka(error);
  return known.code === 'KAFKA_GROUP_MOVED' && known.cause instanceof Error ? known.cause : known;
}

/** Keeps the member alive during long work; when the group moves on, the work is told to end. */
export async function whileBeating(
  heartbeat: () => Promise<void>,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const done = new AbortController();
  const moved = new AbortController();
  const beating = (async () => {
    for (;;) {
      await sleep(HEARTBEAT_MS, done.signal);
      if (done.signal.aborted) return;
      await heartbeat().catch((error: unknown) => {
        const known = translateKafka(error);
        if (known.code === 'KAFKA_GROUP_MOVED') moved.abort(known);
      });
    }
  })();
  try {
    await work(moved.signal);
  } finally {
    done.abort();
    await beating;
  }
}

/** A message of kafkajs as the runtime has records. */
export function toLogRecord({ offset, timestamp, key, value, headers }: KafkaMessage): LogRecord {
  return { offset: BigInt(offset), appendedAtMs: Number(timestamp), key, value, headers: toHeaders(headers) };
}

function toBatch(batch: EachBatchPayload['batch']): Batch {
  // All records of a batch on the wire have the same text for it where the broker stamps the time.
  let lastText = '';
  let lastMs = 0;
  const appendedAt = (text: string): number => {
    if (text !== lastText) {
      lastMs = Number(text);
      lastText = text;
    }
    return lastMs;
  };
  return {
    topic: batch.topic,
    partition: batch.partition,
    startOffset: BigInt((batch as unknown as { readonly fetchedOffset: string }).fetchedOffset),
    records: batch.messages.map((message): LogRecord => ({
      offset: BigInt(message.offset),
      appendedAtMs: appendedAt(message.timestamp),
      key: message.key,
      value: message.value,
      headers: toHeaders(message.headers),
    })),
    nextOffset: BigInt(batch.lastOffset()) + 1n,
    endOffset: BigInt(batch.highWatermark),
  };
}

const NO_HEADERS: readonly Header[] = [];

function toHeaders(headers: IHeaders | undefined): readonly Header[] {
  for (const _name in headers) return headersOf(headers);
  return NO_HEADERS;
}

function headersOf(headers: IHeaders): Header[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    // Kafka has headers without a value; the types of kafkajs do not say so.
    (Array.isArray(value) ? value : [value]).map((one: Buffer | string | null | undefined) => ({
      name,
      value: one === null || one === undefined ? null : Buffer.from(one),
    })),
  );
}

async function translated<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw translateKafka(error);
  }
}
