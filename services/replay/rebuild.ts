import { topicName } from '../../schemas/topics.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { clickHouseCopies } from '../shared/clickhouse/copies.js';
import { isSettled, readHorizon } from '../shared/clickhouse/horizon.js';
import { clickHouseStore } from '../shared/clickhouse/store.js';
import { sleep } from '../shared/clock.js';
import type { Config } from '../shared/config.js';
import type { Stream } from '../shared/core/record.js';
import { asBacktrailError, type BacktrailError } from '../shared/errors.js';
import { createAdmin } from '../shared/kafka/admin.js';
import { groupConsumer } from '../shared/kafka/group-consumer.js';
import { schemaSource } from '../shared/kafka/registry.js';
import type { Logger } from '../shared/log.js';
import { createMetrics } from '../shared/metrics.js';
import type { Definition } from '../shared/runtime/definition.js';
import { Instance, untilAborted, type InstanceParts } from '../shared/runtime/instance.js';
import type { GroupConsumer, LogEnds, LogSpans } from '../shared/runtime/ports.js';
import { retryOf } from '../shared/runtime/retry.js';
import { kafkaSettings, partsOf } from '../shared/runtime/service.js';
import { spansOf, type Manifest } from './manifest.js';
import { NO_PLACES, placesIn } from './places.js';
import { rangeConsumer, type RangeConsumer, type RangeOptions } from './range-consumer.js';
import type { ReplaySource } from './source.js';
import type { WhatWasRead } from './verify.js';

/** What the services are, as their composer knows them. Windows and alerts are made of the finished rows. */
export interface Services {
  readonly definitions: readonly Definition[];
  readonly report: (database: ClickHouse) => Promise<void>;
}

export interface RebuildOptions {
  readonly runId: string;
  readonly source: ReplaySource;
  readonly share: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly onRead?: RangeOptions['onRead'];
}

/** How often it is looked whether everything that was read is complete. */
const LOOK_MS = 200;

/**
 * Rebuilds what the services wrote, by the same code, in the database that the configuration names: their consumers read
 * ranges instead of a group's partitions, and nothing is ever sent. Resolves when everything is complete, and reported on.
 * Run again after it was cut off, it goes on where it was. Gives what was read, also before it was cut off.
 */
export async function rebuild(
  config: Config,
  manifest: Manifest,
  services: Services,
  options: RebuildOptions,
): Promise<WhatWasRead> {
  const failed = new AbortController();
  const failures: BacktrailError[] = [];
  const fail = (error: unknown): void => {
    failures.push(asBacktrailError(error));
    failed.abort();
  };
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const database = connectClickHouse(config.clickhouse);
  const admin = await createAdmin(kafkaSettings(config, options.log));
  const stage = { config, manifest, options: { ...options, signal }, database, log: options.source.log(admin), fail };
  const parts = services.definitions.map((definition) => part(definition, stage));
  let ticking: Promise<unknown> = Promise.resolve();
  try {
    await Promise.all(parts.map(({ instance }) => instance.start()));
    ticking = Promise.all(parts.map(({ instance }) => instance.tick(signal))).catch(fail);
    await Promise.race([Promise.all(parts.map(({ consumer }) => consumer.done)), untilAborted(signal)]);
    // In their order: payments look for inferences that are settled.
    for (const { instance } of parts) if (!signal.aborted) await instance.settled();
    while (!signal.aborted && !isSettled(await readHorizon(database))) await sleep(LOOK_MS, signal);
    if (!signal.aborted) await services.report(database);
  } catch (error) {
    if (!signal.aborted) fail(error);
  } finally {
    failed.abort();
    await ticking;
    await Promise.allSettled(parts.map(({ instance }) => instance.stop()));
    await Promise.allSettled([admin.close(), database.close()]);
  }
  if (failures[0] !== undefined) throw failures[0];
  options.signal.throwIfAborted();
  return new Map(parts.map(({ topic, consumer }) => [topic, consumer.read()]));
}

interface Stage {
  readonly config: Config;
  readonly manifest: Manifest;
  readonly options: RebuildOptions;
  readonly database: ClickHouse;
  readonly log: LogEnds & LogSpans;
  readonly fail: (error: unknown) => void;
}

function part<S extends Stream>(
  definition: Definition<S>,
  { config, manifest, options, database, log, fail }: Stage,
): { topic: string; instance: Instance<S>; consumer: RangeConsumer } {
  const { signal, share, onRead, runId, source } = options;
  const { service, stream } = definition;
  const settings = kafkaSettings(config, options.log);
  const metrics = createMetrics(service);
  const { topicPrefix } = config.kafka;
  const reading = (from: Stream, group: string): GroupConsumer => {
    const topic = topicName(from, topicPrefix);
    const groupId = `${topicPrefix}backtrail.replay.${runId}.${group}`;
    const brokers = groupConsumer(settings, { groupId, topics: [topic], throwAway: true });
    return source.consumer(brokers, { topic, spans: spansOf(manifest, topic), signal });
  };
  const input = topicName(stream, topicPrefix);
  const consumer = rangeConsumer(reading(stream, service), {
    spans: spansOf(manifest, input),
    places: placesIn(database, { service, topic: input }),
    ...{ share, signal },
    ...(onRead === undefined ? {} : { onRead }),
  });
  const parts: InstanceParts<S> = {
    ...partsOf(definition, config, settings, source.schemas(schemaSource(config.registry))),
    store: clickHouseStore(database, config.limits.batchRowsMax),
    copies: clickHouseCopies(database),
    // Dead letters are rows of the run; their topics have them already.
    producer: { send: () => Promise.resolve() },
    consumer,
    releasesConsumer: rangeConsumer(reading('releases', `${service}.releases`), {
      spans: spansOf(manifest, topicName('releases', topicPrefix)),
      places: NO_PLACES,
      share: 1,
      signal,
    }),
    ends: endsOf(manifest, log),
    metrics,
    retry: retryOf(config, { signal, metrics, log: options.log }),
    limits: { ...config.limits, idleCheckMs: LOOK_MS },
    fail,
  };
  return { topic: input, instance: new Instance<S>(parts), consumer };
}

/** The log as the manifest says: it ends where the run does. */
function endsOf(manifest: Manifest, log: LogSpans): LogEnds & LogSpans {
  const endOffsets = (topic: string): Map<number, bigint> =>
    new Map([...spansOf(manifest, topic)].map(([partition, { to }]) => [partition, to]));
  return {
    endOffsets: (topic) => Promise.resolve(endOffsets(topic)),
    offsets: async (topic) => {
      const ends = endOffsets(topic);
      const spans = await log.offsets(topic);
      return spans.flatMap(({ partition, low, high }) => {
        const end = ends.get(partition);
        return end === undefined ? [] : [{ partition, low: low < end ? low : end, high: high < end ? high : end }];
      });
    },
    firstSince: (topic, appendedAtMs) => log.firstSince(topic, appendedAtMs),
  };
}
