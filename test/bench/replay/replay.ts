import { join } from 'node:path';

import type { ClickHouse } from '../../../services/shared/clickhouse/client.js';
import { elapsedMs, now } from '../../../services/shared/clock.js';
import { packageRoot } from '../../../services/shared/package-root.js';
import { dropDatabase } from '../../../services/shared/clickhouse/migrate.js';
import { Child } from '../child.js';
import { untilApplied } from '../scale/applied.js';
import { Loader } from '../scale/load.js';
import { FLAGGED_MODEL, flagOf, GROUP, releasesOf, SPAN_MICROS, type Network } from '../scale/network.js';
import { startServices } from '../scale/services.js';
import { openServers, openStage, openTables, type Stage } from '../stage.js';
import type { Reading, ReplayFigures } from './report.js';

export interface ReplayBenchOptions {
  readonly inferences: number;
  readonly partitions: number;
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

interface Bench {
  readonly stage: Stage;
  readonly around: Surroundings;
  /** Records of all topics. */
  readonly total: number;
}

const FULL = 'full';
const DAY_MICROS = 86_400_000_000;
const QUARTER_DAY_MICROS = DAY_MICROS / 4;
/** In the middle of what is sent. */
const SOME_DAY = 4;

export async function runReplayBench(options: ReplayBenchOptions, around: Surroundings): Promise<ReplayFigures> {
  const { env, name, say, ending } = around;
  const inferences = Math.ceil(options.inferences / GROUP) * GROUP;
  const network: Network = { inferences, seed: options.seed, startMicros: now() * 1000 - SPAN_MICROS - DAY_MICROS };
  const servers = await openServers(env, say, { ending });
  try {
    const stage = await openStage(servers.env, { name, partitions: options.partitions });
    const database = openTables(stage.config, ending);
    const loader = await Loader.open(stage.config, ending);
    try {
      say(`${String(inferences)} inferences, and what hangs on them, are sent ...`);
      await loader.send('releases', [...releasesOf(network), flagOf(network)]);
      await loader.load(network, 0, inferences);
      const total = Object.values(loader.sent).reduce((sum, count) => sum + count, 0);
      const bench = { stage, around, total };
      const live = await liveOf(bench, database, loader);
      const limit = await limitOf(bench);
      return { inferences, records: total, live, limit, replays: await replaysOf(bench, network) };
    } finally {
      await Promise.allSettled([loader.close(), database.close()]);
      await stage.close();
    }
  } finally {
    await servers.close();
  }
}

async function liveOf({ stage, around, total }: Bench, database: ClickHouse, loader: Loader): Promise<Reading> {
  const startMs = elapsedMs();
  const running = startServices(stage.env);
  try {
    await untilApplied(database, stage.config.kafka.topicPrefix, loader.sent);
    return told(around, { what: 'live: the services', records: total, seconds: (elapsedMs() - startMs) / 1000 });
  } finally {
    await running.stop();
  }
}

async function limitOf({ stage, around, total }: Bench): Promise<Reading> {
  const file = new URL('./read-main.ts', import.meta.url).pathname;
  const child = new Child([process.execPath, '--import', 'tsx', file, String(total)], stage.env, around.ending);
  try {
    await child.line((line) => line === 'begin');
    const startMs = elapsedMs();
    await child.line((line) => line === 'end');
    const seconds = (elapsedMs() - startMs) / 1000;
    return told(around, { what: 'kafkajs, doing nothing: the limit', records: total, seconds });
  } finally {
    await child.stop();
  }
}

/** Of everything, of a release, and of six hours; what the latter say is compared with the first. */
async function replaysOf(bench: Bench, { startMicros }: Network): Promise<Reading[]> {
  const { clickhouse } = bench.stage.config;
  const from = startMicros + SOME_DAY * DAY_MICROS;
  const time = (micros: number): string => new Date(Math.floor(micros / 1000)).toISOString();
  const hours = ['--from', time(from), '--to', time(from + QUARTER_DAY_MICROS)];
  const runs = [
    { run: FULL, what: 'replay of everything (`--full`)', scope: ['--full'] },
    { run: 'release', what: 'replay of one release (`--release v2`)', scope: ['--release', 'v2'] },
    { run: 'hours', what: 'replay of six hours (`--from --to`)', scope: hours },
  ];
  try {
    const readings: Reading[] = [];
    for (const one of runs) readings.push(await replayOf(bench, one));
    return readings;
  } finally {
    for (const { run } of runs) await dropDatabase({ ...clickhouse, database: `${clickhouse.database}_replay_${run}` });
  }
}

async function replayOf(
  bench: Bench,
  { run, what, scope }: { readonly run: string; readonly what: string; readonly scope: readonly string[] },
): Promise<Reading> {
  const startMs = elapsedMs();
  const report = await command(bench, ['--model', FLAGGED_MODEL, ...scope, '--run-id', run]);
  const seconds = (elapsedMs() - startMs) / 1000;
  if (run !== FULL) {
    const difference = await command(bench, ['diff', run, FULL, '--json']);
    if (!difference.includes('"equal":true'))
      throw new Error(`${run} says something else: ${difference.slice(0, 500)}`);
  }
  return told(bench.around, {
    what,
    records: (JSON.parse(report) as { reads: { records: number } }).reads.records,
    seconds,
  });
}

/** `backtrail replay`, and the JSON that it prints. */
async function command({ stage, around }: Bench, args: readonly string[]): Promise<string> {
  const program = join(packageRoot(), 'bin', 'backtrail.js');
  const child = new Child([process.execPath, program, 'replay', ...args], stage.env, around.ending);
  try {
    return await child.line((line) => line.startsWith('{'));
  } finally {
    await child.stop();
  }
}

function told({ say }: Surroundings, reading: Reading): Reading {
  say(`${reading.what}: ${String(reading.records)} records in ${reading.seconds.toFixed(1)} s`);
  return reading;
}
