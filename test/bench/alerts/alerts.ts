import type { ClickHouse } from '../../../services/shared/clickhouse/client.js';
import { elapsedMs, now, sleep } from '../../../services/shared/clock.js';
import { countCpu } from '../processes.js';
import { progressOf, untilApplied } from '../scale/applied.js';
import { Loader } from '../scale/load.js';
import { MODELS, paymentId, proofsOf } from '../scale/network.js';
import { startServices } from '../scale/services.js';
import { openServers, openStage, openTables } from '../stage.js';
import {
  FAULTY,
  faultyInference,
  flagEvent,
  flagOf,
  indexesOf,
  FLAGGED_LATER,
  MEASURED,
  pastReleases,
  settledPayment,
  historyPayments,
  storyOf,
  FLAGGED_BEFORE,
  type Story,
} from './records.js';
import { AlertsTopic } from './topic.js';
import { Traffic } from './traffic.js';

export interface AlertsOptions {
  readonly rate: number;
  readonly seconds: number;
  readonly payments: number;
  readonly retroactive: number;
  readonly seed: number;
}

interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Of throw-away databases and topics. */
  readonly name: string;
  readonly say: (line: string) => void;
  /** Aborts when the user ends the program: all that was started is put away then. */
  readonly ending: AbortSignal;
}

/** How long alerts took, of those that came. */
export interface Delays {
  readonly due: number;
  readonly came: number;
  readonly firstMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface AlertsFigures extends AlertsOptions {
  readonly models: number;
  /** While payments were measured: events a second that were sent, and that were applied and told apart from copies. */
  readonly sentPerSecond: number;
  readonly appliedPerSecond: number;
  /** Events that were sent and not applied when the measuring ended. */
  readonly behind: number;
  /** Processors that each process kept busy meanwhile. */
  readonly processors: Readonly<Record<string, number>>;
  readonly settled: Delays;
  readonly flagged: Delays;
  readonly withdrawn: Delays;
  /** States that the topic has more than once. */
  readonly repeated: number;
}

const PARTITIONS = 3;
const WARM_UP_MS = 15_000;
const QUIET_MAX_MS = 120_000;
const GROUPS_AT_ONCE = 1_000;
const STREAMS = ['inferences', 'proofs', 'payments', 'agents'] as const;

interface Scene {
  readonly database: ClickHouse;
  readonly loader: Loader;
  readonly topic: AlertsTopic;
  readonly story: Story;
  readonly prefix: string;
  readonly pids: Readonly<Record<string, number>>;
  readonly around: Surroundings;
}

export async function runAlerts(options: AlertsOptions, around: Surroundings): Promise<AlertsFigures> {
  const { env, name, say, ending } = around;
  const servers = await openServers(env, say, { ending });
  try {
    const stage = await openStage(servers.env, { name, partitions: PARTITIONS });
    const { config } = stage;
    const database = openTables(config, ending);
    const loader = await Loader.open(config, ending);
    const story = storyOf(now(), options);
    try {
      await loader.send('releases', pastReleases(story));
      say(`${options.retroactive} settled payments are sent, with all that they are for ...`);
      await sendHistory(loader, story);
      const services = startServices(stage.env);
      const topic = await AlertsTopic.open(config, ending);
      try {
        await loader.send('releases', [flagOf(FLAGGED_BEFORE, 'FLAGGED', story.nowMicros)]);
        const { topicPrefix: prefix } = config.kafka;
        await untilApplied(database, prefix, loader.sent);
        const pids = { ...services.pids, ...servers.pids, 'this program': process.pid };
        return await measure(options, { database, loader, topic, story, prefix, pids, around });
      } finally {
        await Promise.allSettled([services.stop(), topic.close()]);
      }
    } finally {
      await Promise.allSettled([loader.close(), database.close()]);
      await stage.close();
    }
  } finally {
    await servers.close();
  }
}

async function sendHistory(loader: Loader, { groups, history }: Story): Promise<void> {
  for (let from = 0; from < groups.length; from += GROUPS_AT_ONCE) {
    const some = groups.slice(from, from + GROUPS_AT_ONCE);
    const indexes = some.flatMap(indexesOf);
    await loader.send(
      'inferences',
      indexes.map((i) => faultyInference(i, { model: FLAGGED_LATER, network: history })),
    );
    await loader.send(
      'proofs',
      indexes.flatMap((i) => proofsOf(i, history)),
    );
    await loader.send(
      'payments',
      some.flatMap((group) => settledPayment(group, history)),
    );
  }
}

async function measure(options: AlertsOptions, scene: Scene): Promise<AlertsFigures> {
  const { loader, story, topic, around } = scene;
  around.say(`${options.rate} events a second; after ${WARM_UP_MS / 1000} s payments are measured ...`);
  const traffic = new Traffic(loader, story, options.rate);
  try {
    await sleep(WARM_UP_MS, around.ending);
    const rates = await ratesWhile(scene, () => traffic.measure(options));
    const payments = Array.from({ length: options.payments }, (_, i) => paymentId(i, story.measured));
    await topic.until(payments, 'firing', QUIET_MAX_MS);
    const settled = delaysOf(payments, await settledMs(scene), (payment) => topic.cameMs(payment, 'firing'));
    around.say(`p99 ${settled.p99Ms} ms; ${FLAGGED_LATER} ${FAULTY} is flagged ...`);
    const flagged = await tell(scene, 'FLAGGED');
    around.say(`${flagged.maxMs} ms; the flag is withdrawn ...`);
    const withdrawn = await tell(scene, 'UNFLAGGED');
    return { ...options, models: MODELS, ...rates, settled, flagged, withdrawn, repeated: topic.repeated };
  } finally {
    await traffic.stop();
  }
}

/** A flag over what settled long ago, or its withdrawal, until the last alert says so. */
async function tell({ database, loader, topic, story }: Scene, action: 'FLAGGED' | 'UNFLAGGED'): Promise<Delays> {
  await loader.send('releases', [flagOf(FLAGGED_LATER, action, now() * 1000)]);
  const payments = historyPayments(story);
  const state = action === 'FLAGGED' ? 'firing' : 'resolved';
  await topic.until(payments, state, QUIET_MAX_MS);
  const [row] = await database.select<{ at: string }>(
    `SELECT toUnixTimestamp64Milli(min(appended_at)) AS at FROM release_facts WHERE event_id = {event:String}`,
    { event: flagEvent(FLAGGED_LATER, action) },
  );
  const appended = new Map(payments.map((payment) => [payment, Number(row?.at)]));
  return delaysOf(payments, appended, (payment) => topic.cameMs(payment, state));
}

/** When the brokers had each payment that is measured. */
async function settledMs({ database }: Scene): Promise<Map<string, number>> {
  const rows = await database.select<{ payment_id: string; at: string }>(
    `SELECT payment_id, toUnixTimestamp64Milli(min(appended_at)) AS at FROM payment_facts
     WHERE source = {source:String} GROUP BY payment_id`,
    { source: MEASURED },
  );
  return new Map(rows.map(({ payment_id: payment, at }) => [payment, Number(at)]));
}

type Rates = Pick<AlertsFigures, 'sentPerSecond' | 'appliedPerSecond' | 'behind' | 'processors'>;

async function ratesWhile({ database, loader, prefix, pids }: Scene, work: () => Promise<void>): Promise<Rates> {
  const count = async (): Promise<{ sent: number; applied: number }> => {
    const progress = await progressOf(database, prefix);
    return {
      sent: STREAMS.reduce((sum, stream) => sum + loader.sent[stream], 0),
      applied: STREAMS.reduce((sum, stream) => sum + progress(stream).next, 0),
    };
  };
  const before = await count();
  const used = countCpu(pids);
  const startMs = elapsedMs();
  await work();
  const after = await count();
  const seconds = (elapsedMs() - startMs) / 1000;
  return {
    sentPerSecond: (after.sent - before.sent) / seconds,
    appliedPerSecond: (after.applied - before.applied) / seconds,
    behind: after.sent - after.applied,
    processors: Object.fromEntries(Object.entries(used()).map(([name, spent]) => [name, spent / seconds])),
  };
}

function delaysOf(
  payments: readonly string[],
  appendedMs: ReadonlyMap<string, number>,
  cameMs: (payment: string) => number | undefined,
): Delays {
  const found = payments.flatMap((payment) => {
    const [from, to] = [appendedMs.get(payment), cameMs(payment)];
    return from === undefined || to === undefined ? [] : [to - from];
  });
  found.sort((a, b) => a - b);
  const at = (share: number): number => found[Math.min(Math.floor(found.length * share), found.length - 1)] ?? NaN;
  const times = { firstMs: at(0), p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: at(1) };
  return { due: payments.length, came: found.length, ...times };
}
