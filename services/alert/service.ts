import { topicName } from '../../schemas/topics.js';
import { connectClickHouse } from '../shared/clickhouse/client.js';
import { elapsedMs } from '../shared/clock.js';
import type { Config } from '../shared/config.js';
import { asBacktrailError } from '../shared/errors.js';
import { groupConsumer } from '../shared/kafka/group-consumer.js';
import type { Logger } from '../shared/log.js';
import { createMetrics } from '../shared/metrics.js';
import { serveHealth } from '../shared/runtime/http.js';
import { retrying, retryOf } from '../shared/runtime/retry.js';
import { kafkaSettings } from '../shared/runtime/service.js';
import { runDelivery } from './deliver.js';
import { Leader } from './leader.js';
import { Publisher } from './publisher.js';
import { readReceivers } from './receivers.js';
import { Watch } from './watch.js';
import { WhileLeading } from './while-leading.js';

export const SERVICE = 'alert';

const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 1_500;
/** When looking costs much, it has half of the time, and more when it costs very much: somebody waits for alerts. */
const PAUSE_FACTOR = 0.5;
const STANDBY_MS = 10_000;

export interface AlertOptions {
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Finds, writes and sends alerts until the signal aborts. Throws BacktrailError for what stops it. */
export async function runAlert(config: Config, { signal, log }: AlertOptions): Promise<void> {
  const metrics = createMetrics(SERVICE);
  const receivers = readReceivers(config.alertReceiversFile);
  const settings = kafkaSettings(config, log);
  const database = connectClickHouse(config.clickhouse);
  const { topicPrefix } = config.kafka;
  const leader = new Leader(
    groupConsumer(settings, {
      groupId: `${topicPrefix}backtrail.${SERVICE}`,
      topics: [topicName('releases', topicPrefix)],
      sessionTimeoutMs: config.limits.sessionTimeoutMs,
    }),
  );
  const publisher = new Publisher(config, settings, database);
  let trouble: string | null = 'is not a member of its consumer group yet';
  const retry = retryOf(config, { signal, metrics, log }, (message) => {
    trouble = message;
  });
  const delivery = new WhileLeading((ending) =>
    runDelivery({ database, receivers, retry, metrics, log, signal: AbortSignal.any([signal, ending]) }),
  );
  const health = await serveHealth(
    { host: config.host, port: config.port },
    { failure: () => null, notReady: () => trouble },
    metrics,
  );
  try {
    await retrying(() => leader.start(), retry);
    trouble = null;
    log.info({ port: health.port }, 'ready');
    let watch: Watch | null = null;
    while (!signal.aborted) {
      leader.throwFailure();
      if (!leader.leads) {
        if (watch !== null) log.info('stands by');
        watch = null;
        await publisher.close();
        await delivery.stop();
        await leader.pause(STANDBY_MS, signal);
        continue;
      }
      delivery.go();
      const startedMs = elapsedMs();
      // What was found before somebody else led, and after, is found again.
      watch ??= new Watch(database);
      const looking = watch;
      await retrying(() => lead(looking), retry);
      trouble = null;
      await leader.pause(pauseAfter(elapsedMs() - startedMs), signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await delivery.stop();
    await publisher.close().catch(() => undefined);
    await leader.stop().catch(() => undefined);
    await health.close();
    await database.close();
  }

  async function lead(watch: Watch): Promise<void> {
    try {
      if (!publisher.hasPlace) {
        if (!(await leader.confirm())) return;
        await publisher.publish([]);
      }
      for await (const rows of watch.pass(signal)) {
        metrics.rows.inc({ table: 'alert_rows' }, rows.length);
        const sent = await publisher.publish(rows);
        if (sent > 0) log.debug({ rows: rows.length, sent }, 'alerts sent');
      }
    } catch (error) {
      // What was written and not sent by then is found when the place is taken again.
      await publisher.close().catch(() => undefined);
      if (asBacktrailError(error).code !== 'KAFKA_GROUP_MOVED') throw error;
      await leader.confirm();
    }
  }
}

function pauseAfter(tookMs: number): number {
  return Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, tookMs * PAUSE_FACTOR));
}
