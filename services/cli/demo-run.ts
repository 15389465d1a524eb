import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { differencesOf, type Difference } from '../demo/compare.js';
import type { Report, Stage, UnknownReport } from '../demo/incident-report.js';
import type { TrailRecord } from '../demo/sending.js';
import { EVENTS_MIN, generateTraffic, STORY_MS } from '../demo/traffic.js';
import type { Truth } from '../demo/truth.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { asker, greatestAppendTime } from '../shared/clickhouse/ask/ask.js';
import { elapsedMs, now } from '../shared/clock.js';
import { trailSettings, type Config } from '../shared/config.js';
import type { Answer, Question } from '../shared/core/question.js';
import { isoFromMs } from '../shared/core/time.js';
import { patientClickHouse } from '../shared/runtime/patience.js';
import { printJson, say, type CliContext } from './context.js';
import { checkTruth } from './check-truth.js';
import type { DemoOptions } from './demo.js';
import { CommandError, EXIT, usageError } from './exit.js';
import { gatherModel, gatherUnknown } from './gather-report.js';
import { readAll } from './import-run.js';
import { painter } from './paint.js';
import { progressLine, type ProgressLine } from './progress.js';
import { reportLines } from './report-lines.js';
import { sendTrail, type SentTopic } from './send-trail.js';
import { configWithStack } from './stack-config.js';
import { trailLine } from './trail-file.js';
import { untilApplied } from './until-applied.js';

/** The story ends this long before it is sent: every proof that is missing is overdue by then. */
const STORY_AGO_MS = 60_000;

export async function demo(options: DemoOptions, context: CliContext): Promise<void> {
  const clock = new StageClock();
  const trail = await clock.stage(options.file === null ? 'generate' : 'read', () => prepare(options));
  if (options.write !== null) {
    await write(options.write, trail.records, context);
    return;
  }
  const config = await clock.stage('stack', () => configWithStack(context));
  const progress = progressLine(context.stderr, context.env);
  const waits = (sentence: string): void => {
    progress.clear();
    say(context, sentence);
  };
  const database = patientClickHouse(connectClickHouse(config.clickhouse), { signal: context.signal, say: waits });
  try {
    const report = await runPipeline({ trail, config, database, clock, progress, waits, context });
    progress.clear();
    print(report, options, context);
    if (report.checks !== null && report.checks.differences.length > 0) context.endWith(EXIT.findings);
  } finally {
    progress.clear();
    await database.close();
  }
}

interface PreparedTrail {
  readonly records: readonly TrailRecord[];
  /** Null for records from a file: nothing is known but what they say. */
  readonly truth: Truth | null;
  readonly models: readonly string[];
  readonly asset: string | null;
}

async function prepare({ events, seed, file }: DemoOptions): Promise<PreparedTrail> {
  if (file !== null) {
    const records: TrailRecord[] = [];
    for await (const record of readAll([file])) records.push(record);
    if (records.length === 0) throw usageError(`${file} has no records`);
    return { records, truth: null, models: modelsOf(records), asset: assetOf(records) };
  }
  if (events < EVENTS_MIN) throw usageError(`--events is at least ${EVENTS_MIN}: the story has no room in fewer`);
  const { records, truth } = generateTraffic({ events, seed, startMs: now() - STORY_MS - STORY_AGO_MS });
  return { records, truth, models: truth.models, asset: assetOf(records) };
}

function modelsOf(records: readonly TrailRecord[]): string[] {
  const models = records.flatMap(({ stream, record }) =>
    stream === 'releases' || stream === 'inferences' ? [record.model_id] : [],
  );
  return [...new Set(models)].sort();
}

/** Null where payments have several assets, whose amounts nobody may add up as if they were one. */
function assetOf(records: readonly TrailRecord[]): string | null {
  const assets = new Set(records.flatMap(({ stream, record }) => (stream === 'payments' ? [record.asset] : [])));
  const [asset = null] = assets;
  return assets.size === 1 ? asset : null;
}

interface Pipeline {
  readonly trail: PreparedTrail;
  readonly config: Config;
  readonly database: ClickHouse;
  readonly clock: StageClock;
  readonly progress: ProgressLine;
  readonly waits: (sentence: string) => void;
  readonly context: CliContext;
}

async function runPipeline({ trail, config, database, clock, progress, waits, context }: Pipeline): Promise<Report> {
  const { signal } = context;
  const count = trail.records.length;
  const sent = await clock.stage(
    'send',
    () =>
      sendTrail(config, trail.records, {
        signal,
        say: waits,
        onProgress: (done) => {
          progress.update(`sending: ${done} of ${count} records`);
        },
      }),
    count,
  );
  await clock.stage(
    'apply',
    () =>
      untilApplied(database, sent, {
        signal,
        say: waits,
        onProgress: (applied, wanted) => {
          progress.update(`applying: ${applied} of ${wanted} records`);
        },
      }),
    count,
  );
  const knownAtMs = await greatestAppendTime(database);
  const askAny = asker(database, trailSettings(config));
  const ask = (question: Question): Promise<Answer> => askAny({ ...question, known: knownAtMs });
  const models: Report['models'][number][] = [];
  const differences: Difference[] = [];
  await clock.stage('ask', async () => {
    for (const model of trail.models) {
      progress.update(`asking about ${model}`);
      models.push(await gatherModel(database, ask, model));
      if (trail.truth === null) continue;
      for (const expectation of trail.truth.expectations) {
        const { question } = expectation;
        if (!('model' in question) || question.model !== model) continue;
        differences.push(...differencesOf(expectation, await ask(question)));
      }
    }
  });
  const unknown = { ...(await gatherUnknown(database, trail.models)), dead_letters: await deadLetters(database, sent) };
  const { truth } = trail;
  const checks =
    truth === null
      ? null
      : await clock.stage('check', () => checkTruth({ database, ask }, truth, { unknown, differences }));
  return {
    known_at: isoFromMs(knownAtMs),
    sent: Object.fromEntries(sent.map(({ stream, records }) => [stream, records])),
    asset: trail.asset,
    models,
    unknown,
    stages: clock.stages,
    checks,
  };
}

/** Dead letters among what was sent just now. */
async function deadLetters(database: ClickHouse, sent: readonly SentTopic[]): Promise<UnknownReport['dead_letters']> {
  const rows: UnknownReport['dead_letters'][number][] = [];
  for (const { topic, partitions } of sent) {
    for (const { partition, from, to } of partitions) {
      const found = await database.select<{ code: string; records: string }>(
        `SELECT code, count() AS records FROM dead_letters
         WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset >= {from:UInt64} AND offset < {to:UInt64}
         GROUP BY code ORDER BY code`,
        { topic, partition, from: from.toString(), to: to.toString() },
      );
      for (const { code, records } of found) {
        const known = rows.findIndex((row) => row.topic === topic && row.code === code);
        const before = rows[known]?.records ?? 0;
        const row = { topic, code, records: before + Number(records) };
        if (known < 0) rows.push(row);
        else rows[known] = row;
      }
    }
  }
  return rows;
}

function print(report: Report, { json }: DemoOptions, context: CliContext): void {
  if (json) {
    printJson(context, report);
    return;
  }
  const paint = painter(context.stdout, context.env);
  const colours = { title: 'bold', bad: 'red', good: 'green', quiet: 'dim' } as const;
  for (const line of reportLines(report, (tone, text) => paint(colours[tone], text))) {
    context.stdout.write(`${line}\n`);
  }
}

async function write(file: string, records: readonly TrailRecord[], context: CliContext): Promise<void> {
  const stream = createWriteStream(file);
  const done = finished(stream);
  try {
    for (const record of records) {
      if (!stream.write(`${trailLine(record)}\n`)) await Promise.race([once(stream, 'drain'), done]);
    }
    stream.end();
    await done;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(EXIT.usage, `${file} cannot be written: ${reason}`, { cause: error });
  }
  say(context, `Wrote ${records.length} records to ${file}.`);
}

/** How long each stage of the run took. */
class StageClock {
  readonly stages: Stage[] = [];

  async stage<T>(stage: string, action: () => Promise<T>, events?: number): Promise<T> {
    const beganMs = elapsedMs();
    const result = await action();
    const ms = elapsedMs() - beganMs;
    this.stages.push({ stage, ms, events_per_s: events === undefined ? null : (events * 1000) / ms });
    return result;
  }
}
