import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';

import { keyOf, TOPIC_STREAMS, topicName, type TopicStream } from '../../schemas/topics.js';
import { agent } from '../../services/agent/definition.js';
import { inference } from '../../services/inference/definition.js';
import { payment } from '../../services/payment/definition.js';
import { proof } from '../../services/proof/definition.js';
import { release } from '../../services/release/definition.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { elapsedMs, sleep } from '../../services/shared/clock.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import type { RecordOf, Stream } from '../../services/shared/core/record.js';
import { deploySubjects } from '../../services/shared/kafka/deploy-subjects.js';
import { deleteTopics, deployTopics } from '../../services/shared/kafka/deploy-topics.js';
import { valueEncoder, type ValueEncoder } from '../../services/shared/kafka/encode.js';
import { createProducer, type BatchProducer, type OutgoingRecord } from '../../services/shared/kafka/producer.js';
import { createLog } from '../../services/shared/log.js';
import type { Definition } from '../../services/shared/runtime/definition.js';
import { runService } from '../../services/shared/runtime/service.js';
import { serverEnv } from './servers.fixture.js';

export const DEFINITIONS = {
  releases: release,
  inferences: inference,
  proofs: proof,
  payments: payment,
  agents: agent,
};
const LIMIT_MS = 30_000;
const POLL_MS = 20;

export interface RunningService {
  readonly port: number;
  stop(): Promise<void>;
  /** Rejects with what ends it. */
  readonly ended: Promise<void>;
}

/** Topics, a database and services of one test's own on the stack that the tests share. */
export class TestNetwork {
  readonly #running = new Set<RunningService>();

  private constructor(
    readonly config: Config,
    readonly env: Readonly<Record<string, string>>,
    readonly database: ClickHouse,
    private readonly producer: BatchProducer,
    private readonly encoders: ReadonlyMap<TopicStream, ValueEncoder<unknown>>,
  ) {}

  static async create(overrides: Readonly<Record<string, string>> = {}): Promise<TestNetwork> {
    const { clickhouseUrl } = inject('endpoints');
    const name = `t${randomBytes(5).toString('hex')}`;
    const env = {
      ...serverEnv(),
      CLICKHOUSE_DATABASE: name,
      TOPIC_PREFIX: `${name}.`,
      IDLE_CHECK_MS: '100',
      LOG_LEVEL: 'error',
      ...overrides,
    };
    const config = loadConfig(env);
    const [ids] = await Promise.all([
      deploySubjects(config.registry),
      deployTopics(config.kafka, { prefix: config.kafka.topicPrefix }),
      migrate({ ...config.clickhouse, url: clickhouseUrl }),
    ]);
    const producer = await createProducer(config.kafka);
    const encoders = new Map(
      TOPIC_STREAMS.map((stream) => [stream, valueEncoder(stream, ids[stream]) as ValueEncoder<unknown>]),
    );
    const database = connectClickHouse({ ...config.clickhouse, url: clickhouseUrl });
    return new TestNetwork(config, env, database, producer, encoders);
  }

  topic(stream: Stream): string {
    return topicName(stream, this.config.kafka.topicPrefix);
  }

  encode(stream: Stream, record: object): Buffer {
    return (this.encoders.get(stream) as ValueEncoder<unknown>).encode(record);
  }

  async send<S extends Stream>(stream: S, records: readonly RecordOf[S][]): Promise<void> {
    await this.sendRaw(
      stream,
      records.map((record) => ({ key: keyOf(stream, record as never), value: this.encode(stream, record) })),
    );
  }

  async sendRaw(stream: Stream, records: readonly OutgoingRecord[]): Promise<void> {
    await this.producer.send(this.topic(stream), records);
  }

  /** Starts services in this process and resolves when they are ready. */
  async start(...streams: readonly Stream[]): Promise<RunningService[]> {
    return Promise.all(streams.map((stream) => this.#start(DEFINITIONS[stream] as unknown as Definition)));
  }

  async #start(definition: Definition): Promise<RunningService> {
    const stopping = new AbortController();
    const log = createLog('error', { service: definition.service });
    let ended: Promise<void> = Promise.resolve();
    const ready = new Promise<number>((resolve, reject) => {
      ended = runService(definition, this.config, {
        signal: stopping.signal,
        log,
        onReady: ({ port }) => {
          resolve(port);
        },
      });
      ended.catch(reject);
    });
    const port = await ready;
    const service: RunningService = {
      port,
      ended,
      stop: async () => {
        stopping.abort();
        this.#running.delete(service);
        await ended;
      },
    };
    this.#running.add(service);
    return service;
  }

  select<T = Record<string, unknown>>(sql: string): Promise<T[]> {
    return this.database.select<T>(sql);
  }

  async count(sql: string): Promise<number> {
    const [row] = await this.select<{ n: string }>(`SELECT count() AS n FROM (${sql})`);
    return Number(row?.n ?? 0);
  }

  /** Waits until everything that is in the topics is applied, swept and, of payments, touched. */
  async applied(counts: Readonly<Partial<Record<Stream, number>>>): Promise<void> {
    let state = '';
    const told = (): string => `${JSON.stringify(counts)} are applied, and there is ${state}`;
    await waitUntil(told, async () => {
      const rows = await this.select<{ topic: string; next: string; swept: string }>(
        `SELECT topic, sum(next_offset) AS next, minIf(release_offset, service = 'inference') AS swept
         FROM progress GROUP BY topic`,
      );
      state = JSON.stringify(rows);
      const next = new Map(rows.map((row) => [row.topic, Number(row.next)]));
      const swept = Number(rows.find((row) => row.topic === this.topic('inferences'))?.swept ?? 0);
      return (
        Object.entries(counts).every(([stream, count]) => (next.get(this.topic(stream as Stream)) ?? 0) >= count) &&
        swept >= (counts.releases ?? 0)
      );
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#running].map((service) => service.stop()));
    await Promise.all([this.producer.close(), this.database.close()]);
    const { clickhouseUrl } = inject('endpoints');
    await Promise.all([
      deleteTopics(this.config.kafka, this.config.kafka.topicPrefix),
      dropDatabase({ ...this.config.clickhouse, url: clickhouseUrl }),
    ]);
  }
}

/** Asks again and again until the answer is yes; a test that waits longer than the limit fails with the reason. */
export async function waitUntil(what: string | (() => string), condition: () => Promise<boolean>): Promise<void> {
  const start = elapsedMs();
  while (!(await condition())) {
    if (elapsedMs() - start > LIMIT_MS) {
      throw new Error(`waited ${LIMIT_MS} ms until ${typeof what === 'string' ? what : what()}`);
    }
    await sleep(POLL_MS);
  }
}
