import { randomUUID } from 'node:crypto';

import { deadLetterTopic, topicName } from '../../../schemas/topics.js';
import { touchedTopic } from '../../../schemas/internal-topics.js';
import { connectClickHouse } from '../clickhouse/client.js';
import { FACT_TABLES, toFactRow } from '../clickhouse/fact-rows.js';
import { clickHouseStore } from '../clickhouse/store.js';
import type { Config } from '../config.js';
import type { Stream } from '../core/record.js';
import { asBacktrailError, type BacktrailError } from '../errors.js';
import { createAdmin } from '../kafka/admin.js';
import type { KafkaSettings } from '../kafka/client.js';
import { valueDecoder } from '../kafka/decode.js';
import { groupConsumer } from '../kafka/group-consumer.js';
import { createProducer } from '../kafka/producer.js';
import { schemaSource } from '../kafka/registry.js';
import { schemaIdOf } from '../kafka/wire.js';
import { createLog, type Logger } from '../log.js';
import { createMetrics } from '../metrics.js';
import { timedPatience, type SchemaLookup } from './accept.js';
import type { Definition } from './definition.js';
import { serveHealth } from './http.js';
import { Instance } from './instance.js';
import { retrying, type RetryOptions } from './retry.js';

export interface ServiceOptions {
  /** Aborts when the service shall end: the batch in hand is finished, written and committed first. */
  readonly signal: AbortSignal;
  readonly log?: Logger;
  /** Called once it is caught up with the releases and a member of its group. */
  readonly onReady?: (address: { readonly port: number }) => void;
}

/**
 * Runs a service until the signal aborts, which ends it well, or until something happens that waiting cannot help, which
 * is thrown. Several may run in one process.
 */
export async function runService<S extends Stream>(
  definition: Definition<S>,
  config: Config,
  { signal, log = createLog(config.logLevel, { service: definition.service }), onReady }: ServiceOptions,
): Promise<void> {
  const { limits, kafka } = config;
  const metrics = createMetrics(definition.service);
  const failed = new AbortController();
  const ending = AbortSignal.any([signal, failed.signal]);
  const retry: RetryOptions = {
    initialMs: limits.retryInitialMs,
    maxMs: limits.retryMaxMs,
    signal: ending,
    onRetry: (error, attempt) => {
      metrics.retries.inc({ code: error.code });
      // The first is news; after that, once in a while.
      if (attempt === 1 || attempt % 20 === 0) log.warn({ code: error.code, attempt }, error.message);
    },
  };
  const settings = kafkaSettings(config, log);
  const topics = {
    input: topicName(definition.stream, kafka.topicPrefix),
    deadLetters: deadLetterTopic(topicName(definition.stream, kafka.topicPrefix)),
    touched: touchedTopic(kafka.topicPrefix),
    releases: topicName('releases', kafka.topicPrefix),
  };
  const group = `${kafka.topicPrefix}backtrail.${definition.service}`;
  const source = schemaSource(config.schemaRegistryUrl);
  const lookup: SchemaLookup = async (value) => {
    const id = schemaIdOf(value);
    const { kind } = typeof id === 'number' ? await source.writerSchema(id) : { kind: 'unusable' };
    return kind === 'unknown' || kind === 'unreachable' ? kind : 'known';
  };

  const opened: { close(): Promise<void> }[] = [];
  const open = async <T extends { close(): Promise<void> }>(connect: () => Promise<T>): Promise<T> => {
    const connection = await retrying(connect, retry);
    opened.push(connection);
    return connection;
  };
  let failure: BacktrailError | null = null;
  const fail = (error: unknown): void => {
    failure ??= asBacktrailError(error);
    failed.abort();
  };

  try {
    const database = connectClickHouse(config.clickhouse);
    opened.push(database);
    const store = clickHouseStore(database, limits.batchRowsMax);
    const [admin, producer] = await Promise.all([
      open(() => createAdmin(settings)),
      open(() => createProducer(settings)),
    ]);
    const consumed = [topics.input, ...(definition.followsTouched === true ? [topics.touched] : [])];
    const instance = new Instance<S>({
      definition,
      topics,
      acceptor: {
        stream: definition.stream,
        decoder: valueDecoder(definition.stream, source),
        patience: timedPatience(lookup, limits.unknownSchemaWaitMs),
      },
      releasesDecoder: valueDecoder('releases', source),
      toFactRow,
      factTable: FACT_TABLES[definition.stream],
      store,
      producer,
      ends: admin,
      consumer: groupConsumer(settings, { groupId: group, topics: consumed }),
      releasesConsumer: groupConsumer(settings, {
        groupId: `${group}.releases.${randomUUID()}`,
        topics: [topics.releases],
        throwAway: true,
      }),
      metrics,
      limits,
      retry,
      fail,
    });
    const health = { failure: () => failure?.message ?? null, notReady: () => instance.notReady() };
    const server = await serveHealth(config, health, metrics);
    opened.push(server);
    try {
      await instance.start();
      if (!ending.aborted) {
        log.info({ port: server.port, group }, 'ready');
        onReady?.({ port: server.port });
      }
      await instance.tick(ending);
    } finally {
      await instance.stop();
    }
  } catch (error) {
    if (!ending.aborted) fail(error);
  } finally {
    await Promise.all(opened.map((connection) => connection.close().catch(() => undefined)));
  }
  if (failure !== null) throw failure as BacktrailError;
  log.info('ended');
}

function kafkaSettings({ kafka, logLevel }: Config, log: Logger): KafkaSettings {
  const { brokers, clientId, ssl, sasl } = kafka;
  const settings = { brokers, clientId, ssl, sasl };
  // What matters of it is said again by our own errors.
  if (logLevel !== 'debug' && logLevel !== 'trace') return settings;
  return {
    ...settings,
    log: (level, message, fields) => {
      log.debug({ ...fields, level }, message);
    },
  };
}
