import { randomUUID } from 'node:crypto';

import { deadLetterTopic, topicName } from '../../../schemas/topics.js';
import { connectClickHouse } from '../clickhouse/client.js';
import { clickHouseCopies } from '../clickhouse/copies.js';
import { FACT_TABLES, toFactRow } from '../clickhouse/fact-rows.js';
import { clickHouseStore } from '../clickhouse/store.js';
import { secretsOf, type Config } from '../config.js';
import type { Stream } from '../core/record.js';
import { asBacktrailError, type BacktrailError } from '../errors.js';
import { createAdmin } from '../kafka/admin.js';
import type { KafkaSettings } from '../kafka/client.js';
import { valueDecoder } from '../kafka/decode.js';
import { groupConsumer } from '../kafka/group-consumer.js';
import { createProducer } from '../kafka/producer.js';
import { schemaSource, type SchemaSource } from '../kafka/registry.js';
import { createLog, type Logger } from '../log.js';
import { createMetrics } from '../metrics.js';
import { timedPatience } from './accept.js';
import type { Definition } from './definition.js';
import { serveHealth } from './http.js';
import { Instance } from './instance.js';
import { Opened } from './opened.js';
import { retrying, retryOf } from './retry.js';

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
  options: ServiceOptions,
): Promise<void> {
  const { signal, onReady } = options;
  const log = options.log ?? createLog(config.logLevel, { service: definition.service }, secretsOf(config));
  const metrics = createMetrics(definition.service);
  const failed = new AbortController();
  const failures: BacktrailError[] = [];
  const fail = (error: unknown): void => {
    failures.push(asBacktrailError(error));
    failed.abort();
  };
  const ending = AbortSignal.any([signal, failed.signal]);
  const retry = retryOf(config, { signal: ending, metrics, log });
  const settings = kafkaSettings(config, log);
  const opened = new Opened();
  try {
    const database = opened.add(connectClickHouse(config.clickhouse));
    const [ends, producer] = await Promise.all([
      retrying(() => createAdmin(settings), retry).then((admin) => opened.add(admin)),
      retrying(() => createProducer(settings), retry).then((connected) => opened.add(connected)),
    ]);
    const store = clickHouseStore(database, config.limits.batchRowsMax);
    const copies = clickHouseCopies(database);
    const parts = { ...partsOf(definition, config, settings), store, copies, producer, ends, metrics, retry, fail };
    const instance = new Instance<S>(parts);
    const health = { failure: () => failures[0]?.message ?? null, notReady: () => instance.notReady() };
    const server = opened.add(await serveHealth(config, health, metrics));
    try {
      await instance.start();
      if (!ending.aborted) {
        log.info({ port: server.port }, 'ready');
        onReady?.({ port: server.port });
      }
      await instance.tick(ending);
    } finally {
      await instance.stop();
    }
  } catch (error) {
    if (!ending.aborted) fail(error);
  } finally {
    await opened.close();
  }
  if (failures[0] !== undefined) throw failures[0];
  log.info('ended');
}

/** What of an instance follows from its definition and the configuration; a replay reads by other consumers. */
export function partsOf<S extends Stream>(
  definition: Definition<S>,
  config: Config,
  settings: KafkaSettings,
  source: SchemaSource = schemaSource(config.registry),
) {
  const { limits, kafka } = config;
  const { stream, service } = definition;
  const input = topicName(stream, kafka.topicPrefix);
  const releases = topicName('releases', kafka.topicPrefix);
  const inferences = topicName('inferences', kafka.topicPrefix);
  const groupId = `${kafka.topicPrefix}backtrail.${service}`;
  return {
    definition,
    limits,
    topics: { input, releases, inferences, deadLetters: deadLetterTopic(input) },
    acceptor: {
      stream,
      decoder: valueDecoder(stream, source),
      patience: timedPatience(limits.unknownSchemaWaitMs),
    },
    releasesDecoder: valueDecoder('releases', source),
    toFactRow,
    factTable: FACT_TABLES[stream],
    consumer: groupConsumer(settings, { groupId, topics: [input], sessionTimeoutMs: limits.sessionTimeoutMs }),
    releasesConsumer: groupConsumer(settings, {
      groupId: `${groupId}.releases.${randomUUID()}`,
      topics: [releases],
      throwAway: true,
    }),
  };
}

/** As the connections of a service need it. */
export function kafkaSettings({ kafka, logLevel }: Config, log: Logger): KafkaSettings {
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
