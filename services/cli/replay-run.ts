import { agent } from '../agent/definition.js';
import { Watch } from '../alert/watch.js';
import { inference } from '../inference/definition.js';
import { payment } from '../payment/definition.js';
import { proof } from '../proof/definition.js';
import { release } from '../release/definition.js';
import { digestsOf, type Digest } from '../replay/digests.js';
import { planOf, sizeOf, type Manifest, type Scope } from '../replay/manifest.js';
import { rebuild, type Services } from '../replay/rebuild.js';
import { readRun, runDatabase, runIdOf, writeRun } from '../replay/runs.js';
import type { ReplaySource } from '../replay/source.js';
import { verifyAfter, withContent, type WhatWasRead } from '../replay/verify.js';
import { connectClickHouse } from '../shared/clickhouse/client.js';
import { migrate } from '../shared/clickhouse/migrate.js';
import { elapsedMs } from '../shared/clock.js';
import { secretsOf, type Config } from '../shared/config.js';
import { createAdmin } from '../shared/kafka/admin.js';
import { schemaSource } from '../shared/kafka/registry.js';
import { createLog } from '../shared/log.js';
import { kafkaSettings } from '../shared/runtime/service.js';
import { correlate } from '../window/correlate.js';
import { printJson, type CliContext } from './context.js';
import { CommandError, EXIT, usageError } from './exit.js';
import { progressLine } from './progress.js';
import { planReplay, type PlanContext, type Planned } from './replay-plan.js';
import { withSource } from './replay-source.js';
import { ReplayPace } from './replay-pace.js';
import type { ReplayOptions } from './replay.js';
import { configWithStack } from './stack-config.js';

/** Rebuilds, and prints the report of the run. */
export async function runReplay(options: ReplayOptions, context: CliContext): Promise<void> {
  const share = shareOf(options);
  const config = await configWithStack(context);
  await withSource(options.archive, { config, context }, (source) =>
    replay(options, { config, source, share }, context),
  );
}

interface Order {
  readonly config: Config;
  readonly source: ReplaySource;
  readonly share: number;
}

async function replay(options: ReplayOptions, { config, source, share }: Order, context: CliContext): Promise<void> {
  const registry = source.schemas(schemaSource(config.registry));
  const live = connectClickHouse(config.clickhouse);
  try {
    const { manifest, whole } = await plan(options, source, { config, live, registry, signal: context.signal });
    const runId = options.runId ?? runIdOf(planOf(manifest));
    const database = runDatabase(config.clickhouse.database, runId);
    const report = { run: runId, database, manifest, reads: { ...sizeOf(manifest), whole } };
    if (options.dryRun === true) {
      printJson(context, report);
      return;
    }
    const before = await readRun(live, runId);
    if (before !== null && JSON.stringify(planOf(before.manifest)) !== JSON.stringify(planOf(manifest))) {
      throw new CommandError(EXIT.usage, `the run ${runId} has another manifest: give it another --run-id`);
    }
    if (before?.state === 'done') {
      printJson(context, { ...report, manifest: before.manifest, digests: before.digests });
      return;
    }
    const own = { ...config, clickhouse: { ...config.clickhouse, database } };
    await migrate(own.clickhouse);
    await writeRun(live, { runId, state: 'reading', manifest, digests: [] });
    const found = await read({ config: own, manifest, runId, share, source }, context);
    verifyAfter(manifest, found);
    const done = await withContent(manifest, found, registry);
    const digests = await digestsIn(own, manifest.scope);
    await writeRun(live, { runId, state: 'done', manifest: done, digests });
    printJson(context, { ...report, manifest: done, digests });
  } finally {
    await live.close();
  }
}

async function plan(options: ReplayOptions, source: ReplaySource, around: Omit<PlanContext, 'log'>): Promise<Planned> {
  const brokers = await createAdmin(kafkaSettings(around.config, createLog('warn', { service: 'replay' })));
  try {
    return await planReplay(options, { ...around, log: source.log(brokers) });
  } finally {
    await brokers.close();
  }
}

async function digestsIn({ clickhouse }: Config, scope: Scope): Promise<Digest[]> {
  const run = connectClickHouse(clickhouse);
  try {
    return await digestsOf(scope, { side: { database: run, knownAtMs: null }, sources: [run.database] });
  } finally {
    await run.close();
  }
}

/** What the services do, in an order in which each finds what it looks for. */
function servicesOf({ settings, scope }: Manifest, signal: AbortSignal): Services {
  return {
    definitions: [release, inference, proof, agent, payment],
    report: async (database) => {
      await correlate(database, { afterMs: 0, settings, signal, only: scope.model });
      const watch = new Watch(database);
      // A pass writes what it finds to the run, and is over when it is asked for no more; nobody is told.
      const found = watch.pass(signal);
      while ((await found.next()).done !== true);
    },
  };
}

interface Reading extends Order {
  readonly manifest: Manifest;
  readonly runId: string;
}

async function read({ config, manifest, runId, share, source }: Reading, context: CliContext): Promise<WhatWasRead> {
  const line = progressLine(context.stderr, context.env);
  const pace = new ReplayPace(sizeOf(manifest).records, elapsedMs());
  try {
    return await rebuild(config, manifest, servicesOf(manifest, context.signal), {
      ...{ runId, share, source },
      signal: context.signal,
      log: createLog(config.logLevel === 'info' ? 'warn' : config.logLevel, { service: 'replay' }, secretsOf(config)),
      onRead: (records, when) => {
        pace.read(records, when);
        line.update(pace.sentence(elapsedMs()));
      },
    });
  } finally {
    line.clear();
  }
}

function shareOf({ share = '1' }: ReplayOptions): number {
  const part = Number(share);
  if (!(part > 0 && part <= 1)) throw usageError(`--share is not more than 0 and at most 1: ${share}`);
  return part;
}
