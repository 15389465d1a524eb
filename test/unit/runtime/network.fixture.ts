import { setImmediate as nextTurn } from 'node:timers/promises';

import type { RecordOf, Stream } from '../../../services/shared/core/record.js';
import { inference } from '../../../services/inference/definition.js';
import { payment } from '../../../services/payment/definition.js';
import type { Limits } from '../../../services/shared/config.js';
import { loadConfig } from '../../../services/shared/config.js';
import { createMetrics } from '../../../services/shared/metrics.js';
import type { Decoder } from '../../../services/shared/runtime/accept.js';
import type { Definition } from '../../../services/shared/runtime/definition.js';
import { Instance } from '../../../services/shared/runtime/instance.js';
import { memoryCopies } from './memory-copies.fixture.js';
import { MemoryLog, type MemoryConsumer } from './memory-log.fixture.js';
import { FACTS, MemoryStore } from './memory-store.fixture.js';

export const START_MS = Date.UTC(2026, 2, 10, 10);

export const LIMITS: Limits = {
  ...loadConfig({
    KAFKA_BROKERS: 'nowhere:1',
    SCHEMA_REGISTRY_URL: 'http://nowhere',
    CLICKHOUSE_URL: 'http://nowhere',
  }).limits,
  retryInitialMs: 1,
  retryMaxMs: 1,
  releasesWaitMs: 0,
  sweepRowsMax: 2,
  deadLetterRunMax: 5,
};

/** Values are JSON here: what Avro makes of bytes is tested where Avro is. */
function jsonDecoder<S extends Stream>(): Decoder<RecordOf[S]> {
  return {
    prepare: () => Promise.resolve(),
    decode(value) {
      const text = value?.toString() ?? '';
      if (text.startsWith('wait')) return { wait: { reason: text, answered: true } };
      if (!text.startsWith('{')) return { refused: { code: 'UNDECODABLE', reason: 'not JSON' } };
      return { ok: JSON.parse(text) as RecordOf[S] };
    },
  };
}

export interface Running<S extends Stream = Stream> {
  readonly instance: Instance<S>;
  readonly consumer: MemoryConsumer;
  readonly releases: MemoryConsumer;
  readonly failures: unknown[];
  /** Ends it as a crash does: nothing is finished. */
  crash(): void;
  /** Reads all there is, releases first, and waits for sweeps. */
  drain(): Promise<void>;
}

/** A log and a database in memory, and the services on them. */
export class MemoryNetwork {
  readonly log = new MemoryLog();
  readonly store = new MemoryStore();

  constructor(private readonly partitions = 2) {
    this.log.create('releases', 1);
    for (const topic of ['inferences', 'payments']) this.log.create(topic, partitions);
    for (const topic of ['inferences.dlq', 'payments.dlq']) this.log.create(topic, 1);
    this.log.nowMs = START_MS;
  }

  append<S extends 'releases' | 'inferences' | 'payments'>(
    stream: S,
    record: RecordOf[S],
    at: { appendedAtMs?: number; partition?: number } = {},
  ): void {
    const key = keyOf(record);
    const partition = at.partition ?? (stream === 'releases' ? 0 : key.charCodeAt(key.length - 1) % this.partitions);
    const appendedAtMs = at.appendedAtMs ?? START_MS;
    this.log.append(stream, partition, { key, value: Buffer.from(JSON.stringify(record)), appendedAtMs });
  }

  async start<S extends 'inferences' | 'payments'>(stream: S, batchMax = 3): Promise<Running<S>> {
    const definition = (stream === 'inferences' ? inference : payment) as unknown as Definition<S>;
    const topics = { input: stream, deadLetters: `${stream}.dlq`, releases: 'releases', inferences: 'inferences' };
    const consumer = this.log.consumer(definition.service, [stream], batchMax);
    const releases = this.log.consumer(`releases of ${String(Math.random())}`, ['releases'], batchMax);
    const ended = new AbortController();
    const failures: unknown[] = [];
    const instance = new Instance<S>({
      definition,
      topics,
      acceptor: { stream, decoder: jsonDecoder<S>(), patience: () => Promise.resolve(null) },
      releasesDecoder: jsonDecoder<'releases'>(),
      toFactRow: (fact) => ({ fact }),
      factTable: FACTS[stream],
      store: this.store,
      copies: memoryCopies(this.store),
      producer: this.log,
      ends: this.log,
      consumer,
      releasesConsumer: releases,
      metrics: createMetrics(definition.service),
      limits: LIMITS,
      retry: { initialMs: 1, maxMs: 1, signal: ended.signal },
      fail: (error) => failures.push(error),
    });
    const drainReleases = definition.attributed !== undefined ? releases.drain.bind(releases) : () => Promise.resolve();
    const starting = instance.start();
    const started = new AbortController();
    const begin = (): void => {
      started.abort();
    };
    starting.then(begin, begin);
    while (!started.signal.aborted) if (!(await releases.deliver('releases', 0))) await nextTurn();
    await starting;
    return {
      instance,
      consumer,
      releases,
      failures,
      crash: () => {
        ended.abort();
        void consumer.stop();
        void releases.stop();
      },
      drain: async () => {
        await drainReleases();
        await consumer.drain();
        await instance.settled();
      },
    };
  }
}

function keyOf(record: object): string {
  const fields = record as Readonly<Record<string, unknown>>;
  return String(fields['payment_id'] ?? fields['inference_id'] ?? fields['model_id']);
}
