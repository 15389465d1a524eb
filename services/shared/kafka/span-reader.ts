import { randomUUID } from 'node:crypto';

import type { EachBatchPayload, KafkaMessage } from 'kafkajs';

import { elapsedMs, sleep } from '../clock.js';
import { BacktrailError } from '../errors.js';
import type { LogRecord } from '../runtime/ports.js';
import { withAdmin } from './admin.js';
import { closeClient, kafkaClient, type KafkaSettings } from './client.js';
import { toLogRecord, whileBeating } from './group-consumer.js';
import { translateKafka } from './kafka-error.js';

/** A record, and who said its time: the producer, or the broker when it appended it. */
export interface TimedRecord extends LogRecord {
  readonly timeType: 'CREATE_TIME' | 'LOG_APPEND_TIME';
}

/** What lies between two offsets of a partition. */
export interface SpanBatch {
  readonly partition: number;
  readonly records: readonly TimedRecord[];
  /** More than where reading stood when the log has deleted what lay between. */
  readonly startOffset: bigint;
  readonly nextOffset: bigint;
}

export type TopicSpans = ReadonlyMap<number, { readonly from: bigint; readonly to: bigint }>;

export interface SpanReading {
  readonly topic: string;
  readonly spans: TopicSpans;
  /** Called with one batch after the other; of a partition in its order, and up to its end. */
  readonly visit: (batch: SpanBatch) => Promise<void>;
  readonly signal: AbortSignal;
}

const BYTES_PER_PARTITION = 1_048_576;
const FETCH_WAIT_MS = 100;
const HEARTBEAT_MS = 2_000;
/** Nothing came for so long, while there should be something. */
const STALL_MS = 60_000;
const LOOK_MS = 1_000;
// An outage of the broker is waited out, until it counts as stalled.
const RETRY = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 5, restartOnFailure: () => Promise.resolve(true) };
const LOG_APPEND_TIME = 1;

/**
 * Reads spans of the partitions of a topic, whole and untouched, without a trace: kafkajs reads in groups only, so it makes one
 * that commits nothing and is gone afterwards. Only committed records are given; markers of transactions are passed over.
 * Throws KAFKA_UNREACHABLE when a span cannot be read to its end.
 */
export async function readSpans(settings: KafkaSettings, { topic, spans, visit, signal }: SpanReading): Promise<void> {
  const state = new Reading(spans);
  signal.throwIfAborted();
  if (state.isDone) return;
  const groupId = `backtrail.spans.${randomUUID()}`;
  const client = kafkaClient(settings);
  const consumer = client.consumer({
    groupId,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytesPerPartition: BYTES_PER_PARTITION,
    heartbeatInterval: HEARTBEAT_MS,
    retry: RETRY,
  });
  const ended = new AbortController();
  const ending = AbortSignal.any([signal, ended.signal]);
  const failures: BacktrailError[] = [];
  const end = (error?: unknown): void => {
    if (error !== undefined) failures.push(translateKafka(error));
    ended.abort();
  };
  let turn: Promise<void> = Promise.resolve();
  /** One after the other, also what is told by events. */
  const take = (batch: SpanBatch): Promise<void> => {
    turn = turn.then(async () => {
      const cut = ending.aborted ? null : state.cut(batch);
      if (cut === null) return;
      await state.during(() => visit(cut));
      if (state.reached(cut)) consumer.pause([{ topic, partitions: [cut.partition] }]);
      if (state.isDone) end();
    });
    return turn;
  };
  const { GROUP_JOIN, CRASH, END_BATCH_PROCESS } = consumer.events;
  consumer.on(GROUP_JOIN, ({ payload }) => {
    for (const partition of payload.memberAssignment[topic] ?? []) {
      const next = state.next(partition);
      if (next === null) consumer.pause([{ topic, partitions: [partition] }]);
      else consumer.seek({ topic, partition, offset: next.toString() });
    }
  });
  consumer.on(CRASH, ({ payload }) => {
    if (!payload.restart) end(payload.error);
  });
  // kafkajs passes over batches of transaction markers without telling.
  consumer.on(END_BATCH_PROCESS, ({ payload }) => {
    const { partition, batchSize, lastOffset } = payload;
    const next = state.next(partition);
    if (batchSize > 0 || next === null) return;
    take({ partition, records: [], startOffset: next, nextOffset: BigInt(lastOffset) + 1n }).catch(end);
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: (payload) =>
        whileBeating(
          () => payload.heartbeat(),
          () => take(toSpanBatch(payload.batch)).catch(end),
        ),
    });
    while (!ending.aborted) {
      await sleep(LOOK_MS, ending);
      if (state.idleMs() > STALL_MS)
        end(new BacktrailError('KAFKA_UNREACHABLE', `${topic} gives nothing more to read`));
    }
  } catch (error) {
    end(error);
  } finally {
    ended.abort();
    await turn.catch(() => undefined);
    await closeClient(client, consumer).catch(() => undefined);
    await withAdmin(settings, (admin) => admin.deleteGroups([groupId])).catch(() => undefined);
  }
  if (failures[0] !== undefined) throw failures[0];
  signal.throwIfAborted();
}

/** How far the spans are read. */
class Reading {
  readonly #next = new Map<number, bigint>();
  #movedAtMs = elapsedMs();
  #visiting = false;

  constructor(private readonly spans: TopicSpans) {
    for (const [partition, { from, to }] of spans) if (from < to) this.#next.set(partition, from);
  }

  get isDone(): boolean {
    return this.#next.size === 0;
  }

  /** Null for what is read, or not to be read. */
  next(partition: number): bigint | null {
    return this.#next.get(partition) ?? null;
  }

  /** What is new of a batch: after the group was joined again, some comes again. */
  cut(batch: SpanBatch): SpanBatch | null {
    const from = this.next(batch.partition);
    const to = this.spans.get(batch.partition)?.to ?? 0n;
    if (from === null || batch.nextOffset <= from) return null;
    const within = (offset: bigint): bigint => (offset < from ? from : offset > to ? to : offset);
    return {
      partition: batch.partition,
      records: batch.records.filter(({ offset }) => offset >= from && offset < to),
      startOffset: within(batch.startOffset),
      nextOffset: within(batch.nextOffset),
    };
  }

  async during(work: () => Promise<void>): Promise<void> {
    this.#visiting = true;
    try {
      await work();
    } finally {
      this.#visiting = false;
      this.#movedAtMs = elapsedMs();
    }
  }

  /** True when the partition is read to its end. */
  reached({ partition, nextOffset }: SpanBatch): boolean {
    this.#next.set(partition, nextOffset);
    if (nextOffset < (this.spans.get(partition)?.to ?? 0n)) return false;
    return this.#next.delete(partition);
  }

  idleMs(): number {
    return this.#visiting ? 0 : elapsedMs() - this.#movedAtMs;
  }
}

function toSpanBatch(batch: EachBatchPayload['batch']): SpanBatch {
  return {
    partition: batch.partition,
    records: batch.messages.map(toTimedRecord),
    startOffset: BigInt((batch as unknown as { readonly fetchedOffset: string }).fetchedOffset),
    nextOffset: BigInt(batch.lastOffset()) + 1n,
  };
}

function toTimedRecord(message: KafkaMessage): TimedRecord {
  // kafkajs keeps it, and its types do not say so. Records of the oldest format have none.
  const { batchContext } = message as unknown as { readonly batchContext?: { readonly timestampType: number } };
  const timeType = batchContext?.timestampType === LOG_APPEND_TIME ? 'LOG_APPEND_TIME' : 'CREATE_TIME';
  return { ...toLogRecord(message), timeType };
}
