import { readFileSync } from 'node:fs';

import { topicName } from '../../schemas/topics.js';
import { agent } from '../agent/definition.js';
import { Watch } from '../alert/watch.js';
import { inference } from '../inference/definition.js';
import { payment } from '../payment/definition.js';
import { proof } from '../proof/definition.js';
import { release } from '../release/definition.js';
import { digestsOf, type Digest } from '../replay/digests.js';
import { parseManifest, planRanges, STREAMS, type Manifest, type Scope } from '../replay/manifest.js';
import { rebuild, type Services } from '../replay/rebuild.js';
import { readRun, runDatabase, runIdOf, writeRun } from '../replay/runs.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { migrate } from '../shared/clickhouse/migrate.js';
import { elapsedMs } from '../shared/clock.js';
import { secretsOf, trailSettings, type Config } from '../shared/config.js';
import { createAdmin } from '../shared/kafka/admin.js';
import { createLog } from '../shared/log.js';
import { kafkaSettings } from '../shared/runtime/service.js';
import { correlate } from '../window/correlate.js';
import { eventTimeArgument, knowledgeTimeArgument, wholeNumberArgument } from './arguments.js';
import { printJson, type CliContext } from './context.js';
import { CommandError, EXIT, usageError } from './exit.js';
import { packageVersion } from './program.js';
import { progressLine } from './progress.js';
import type { ReplayOptions } from './replay.js';
import { configWithStack } from './stack-config.js';

/** What the services do, in an order in which each finds what it looks for. */
function servicesOf(config: Config, signal: AbortSignal): Services {
  return {
    definitions: [release, inference, proof, agent, payment],
    report: async (database) => {
      await correlate(database, { afterMs: 0, settings: trailSettings(config), signal });
      const watch = new Watch(database);
      // A pass writes what it finds to the run, and is over when it is asked for no more; nobody is told.
      const found = watch.pass(signal);
      while ((await found.next()).done !== true);
    },
  };
}

/** Rebuilds, and prints the report of the run. */
export async function runReplay(options: ReplayOptions, context: CliContext): Promise<void> {
  const config = await configWithStack(context);
  const live = connectClickHouse(config.clickhouse);
  try {
    const manifest = await manifestOf(options, config, live);
    const runId = options.runId ?? runIdOf(manifest);
    const database = runDatabase(config.clickhouse.database, runId);
    const report = { run: runId, database, manifest };
    if (options.dryRun === true) {
      printJson(context, report);
      return;
    }
    const before = await readRun(live, runId);
    if (before !== null && JSON.stringify(before.manifest) !== JSON.stringify(manifest)) {
      throw new CommandError(EXIT.usage, `the run ${runId} has another manifest: give it another --run-id`);
    }
    if (before?.state !== 'done') {
      await migrate({ ...config.clickhouse, database });
      await writeRun(live, { runId, state: 'reading', manifest, digests: [] });
      await read(
        { config: { ...config, clickhouse: { ...config.clickhouse, database } }, manifest, runId },
        options,
        context,
      );
    }
    const digests = before?.state === 'done' ? before.digests : await digestsIn(config, manifest.scope, database);
    await writeRun(live, { runId, state: 'done', manifest, digests });
    printJson(context, { ...report, digests });
  } finally {
    await live.close();
  }
}

async function digestsIn(config: Config, scope: Scope, database: string): Promise<Digest[]> {
  const run = connectClickHouse({ ...config.clickhouse, database });
  try {
    return await digestsOf(scope, { side: { database: run, knownAtMs: null }, sources: [database] });
  } finally {
    await run.close();
  }
}

interface Reading {
  readonly config: Config;
  readonly manifest: Manifest;
  readonly runId: string;
}

async function read({ config, manifest, runId }: Reading, options: ReplayOptions, context: CliContext): Promise<void> {
  const line = progressLine(context.stderr, context.env);
  const total = manifest.ranges.reduce((sum, { from, to }) => sum + Number(BigInt(to) - BigInt(from)), 0);
  const startMs = elapsedMs();
  let done = 0;
  try {
    await rebuild(config, manifest, servicesOf(config, context.signal), {
      runId,
      share: shareOf(options),
      signal: context.signal,
      log: createLog(config.logLevel === 'info' ? 'warn' : config.logLevel, { service: 'replay' }, secretsOf(config)),
      onRead: (records) => {
        done += records;
        const rate = (done * 1000) / Math.max(1, elapsedMs() - startMs);
        const left = rate === 0 ? 0 : Math.round(Math.max(0, total - done) / rate);
        line.update(
          `${String(done)} of ${String(total)} records, ${String(Math.round(rate))}/s, ${String(left)} s left`,
        );
      },
    });
  } finally {
    line.clear();
  }
}

async function manifestOf(options: ReplayOptions, config: Config, live: ClickHouse): Promise<Manifest> {
  if (options.manifest !== undefined) return ofTheseTopics(manifestIn(options.manifest), config);
  const given = options.runId === undefined ? null : await readRun(live, options.runId);
  const scope = given !== null && options.model === undefined ? given.manifest.scope : scopeOf(options);
  // A run that is named again goes on: what has come since is not its business.
  if (given !== null && JSON.stringify(given.manifest.scope) === JSON.stringify(scope)) return given.manifest;
  const knownAtMs = options.known === undefined ? null : knowledgeTimeArgument('--known', options.known);
  const admin = await createAdmin(kafkaSettings(config, createLog('warn', { service: 'replay' })));
  try {
    const ranges = await planRanges(admin, { topicPrefix: config.kafka.topicPrefix, knownAtMs });
    return {
      format: 1,
      code: packageVersion(),
      scope,
      known_at_ms: knownAtMs,
      settings: trailSettings(config),
      ranges,
    };
  } finally {
    await admin.close();
  }
}

/** A manifest by itself, or within what a run printed. */
function manifestIn(file: string): Manifest {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CommandError(EXIT.usage, `${file} cannot be read`, { cause });
  }
  return parseManifest(text);
}

/** Of other topics nothing would be read, and an empty run would look like one of an empty log. */
function ofTheseTopics(manifest: Manifest, { kafka }: Config): Manifest {
  const named = new Set(manifest.ranges.map(({ topic }) => topic));
  const missing = STREAMS.map((stream) => topicName(stream, kafka.topicPrefix)).find((topic) => !named.has(topic));
  if (missing === undefined) return manifest;
  throw usageError(`the manifest says nothing of ${missing}: it is of other topics`);
}

function scopeOf({ model, release, activation, from, to }: ReplayOptions): Scope {
  if (model === undefined) throw usageError('--model says what to replay; or --manifest, or the --run-id of a run');
  if (activation !== undefined && release === undefined) throw usageError('--activation is one of a --release');
  return {
    model,
    ...(release === undefined ? {} : { release }),
    ...(activation === undefined ? {} : { activation: wholeNumberArgument('--activation', activation, 1) }),
    ...(from === undefined ? {} : { fromMicros: eventTimeArgument('--from', from) }),
    ...(to === undefined ? {} : { toMicros: eventTimeArgument('--to', to) }),
  };
}

function shareOf({ share = '1' }: ReplayOptions): number {
  const part = Number(share);
  if (!(part > 0 && part <= 1)) throw usageError(`--share is not more than 0 and at most 1: ${share}`);
  return part;
}
