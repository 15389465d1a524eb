import { fatesOf, type Fate } from '../dlq/fates.js';
import { readBytes, readLetters, type Letter, type Selection } from '../dlq/letters.js';
import { kafkaRedriveLog } from '../dlq/log.js';
import { judge, type Outlook } from '../dlq/outlook.js';
import { idOf, streamOf, type Position } from '../dlq/position.js';
import { redriveLetters, type Sending } from '../dlq/redrive.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { now } from '../shared/clock.js';
import type { Config } from '../shared/config.js';
import { groupBy } from '../shared/core/group.js';
import { schemaSource } from '../shared/kafka/registry.js';
import { wholeNumberArgument } from './arguments.js';
import { say, type CliContext } from './context.js';
import type { RedriveOptions } from './dlq.js';
import { topicArgument } from './dlq-list.js';
import { report } from './dlq-report.js';
import { idArgument } from './dlq-show.js';
import { CommandError, usageError } from './exit.js';
import { configWithStack } from './stack-config.js';
import { untilApplied } from './until-applied.js';

/** What became of one dead letter that was asked for. */
export interface Result {
  readonly letter: Letter;
  /** before: it was redriven already. spared: it would come back, or hold up its partition. */
  readonly sending: Sending | 'before' | 'spared' | 'would_send';
  readonly to: Position | null;
  readonly fate: Fate | null;
}

/** So many are sent by one command: each is a row of its answer. */
const LETTERS_MAX = 100_000;

export async function redriveDeadLetters(
  ids: readonly string[],
  options: RedriveOptions,
  context: CliContext,
): Promise<void> {
  const selection = selectionOf(ids, options, context);
  const waitMs = wholeNumberArgument('--wait-seconds', options.waitSeconds, 1) * 1000;
  const config = await configWithStack(context);
  const database = connectClickHouse(config.clickhouse);
  try {
    const letters = await readLetters(database, selection, LETTERS_MAX);
    refuseUnknown(selection, letters);
    const plan = await planOf(letters, { byId: ids.length > 0, options, config, database });
    const sent = options.dryRun ? [] : await send(plan.toSend, { options, context, config, database });
    const results = [...plan.results, ...sent];
    if (options.wait && !options.dryRun) await wait(results, { waitMs, context, config, database });
    report(await withFates(results, database, config), { options, context });
  } finally {
    await database.close();
  }
}

function selectionOf(ids: readonly string[], options: RedriveOptions, context: CliContext): Selection {
  const named = options.topic !== undefined || options.code !== undefined;
  if (ids.length > 0 && (named || options.all)) {
    throw usageError('name dead letters, or select them with --code, --topic or --all: not both');
  }
  if (ids.length === 0 && !named && !options.all) {
    throw usageError('which dead letters? Name them, or select them with --code, --topic or --all');
  }
  if (ids.length > 0) return { positions: distinct(ids.map((id) => idArgument(id, context))) };
  return { topic: topicArgument(options.topic, context), code: options.code };
}

function distinct(positions: readonly Position[]): Position[] {
  return [...new Map(positions.map((position) => [idOf(position), position])).values()];
}

function refuseUnknown({ positions = [] }: Selection, letters: readonly Letter[]): void {
  const known = new Set(letters.map(({ id }) => id));
  const unknown = positions.map(idOf).filter((id) => !known.has(id));
  if (unknown.length > 0) throw usageError(`there is no dead letter ${unknown.join(', ')}`);
}

interface Parts {
  readonly options: RedriveOptions;
  readonly config: Config;
  readonly database: ClickHouse;
}

/** Which are sent; what is said of those that are not. */
async function planOf(
  letters: readonly Letter[],
  { byId, options, config, database }: Parts & { readonly byId: boolean },
): Promise<{ results: Result[]; toSend: Letter[] }> {
  const results: Result[] = [];
  const toSend: Letter[] = [];
  const source = schemaSource(config.registry);
  for (const [topic, ofTopic] of groupBy(letters, (letter) => letter.topic)) {
    const outlookOf = judge(streamOf(topic, config.kafka.topicPrefix), source);
    for (const letter of ofTopic) {
      if (isDone(letter, { byId, again: options.again === true })) {
        // A copy that is dead again has its fate already: it is what it came to.
        results.push({ letter, sending: 'before', to: letter.lastCopy ?? letter, fate: null });
        continue;
      }
      const outlook = await outlookOf((await readBytes(database, letter)).value, now());
      const spared = options.force !== true && (outlook.kind === 'waits' || (outlook.kind === 'dead' && !byId));
      if (spared) results.push({ letter, sending: 'spared', to: null, fate: fateThen(outlook) });
      else if (options.dryRun) results.push({ letter, sending: 'would_send', to: null, fate: fateThen(outlook) });
      else toSend.push(letter);
    }
  }
  return { results, toSend };
}

/** Redriven before. With --again what was selected goes only if its last copy is itself selected: that is the one to send. */
function isDone(letter: Letter, { byId, again }: { readonly byId: boolean; readonly again: boolean }): boolean {
  const hasCopy = letter.redrives.some(({ state }) => state === 'SENT');
  return again ? hasCopy && !byId : hasCopy || letter.redriveOf !== null;
}

/** A schema that is not known would be waited for in vain. */
function fateThen(outlook: Outlook): Fate {
  return outlook.kind === 'waits' ? { kind: 'dead', code: 'SCHEMA_UNKNOWN', reason: outlook.reason } : outlook;
}

async function send(
  letters: readonly Letter[],
  { options, context, config, database }: Parts & { readonly context: CliContext },
): Promise<Result[]> {
  if (letters.length === 0) return [];
  const { env } = context;
  const by = options.by ?? env['USER'] ?? env['LOGNAME'] ?? env['USERNAME'] ?? 'unknown';
  const log = await kafkaRedriveLog(config.kafka);
  try {
    const sent = await redriveLetters(letters, { database, log, by, nowMs: now });
    return sent.map((one) => ({ ...one, fate: null }));
  } finally {
    await log.close();
  }
}

/** Waits until the services have applied the copies, but not for ever; what is not applied by then is pending. */
async function wait(
  results: readonly Result[],
  { waitMs, context, config, database }: Omit<Parts, 'options'> & { waitMs: number; context: CliContext },
): Promise<void> {
  const limit = AbortSignal.timeout(waitMs);
  const copies = results.flatMap(({ to }) => to ?? []);
  const topics = [...groupBy(copies, ({ topic }) => topic)].map(([topic, some]) => ({
    stream: streamOf(topic, config.kafka.topicPrefix),
    topic,
    records: some.length,
    unencodable: 0,
    partitions: [...groupBy(some, ({ partition }) => partition)].map(([partition, inIt]) => {
      const offsets = inIt.map(({ offset }) => offset).sort((a, b) => (a < b ? -1 : 1));
      return { partition, from: offsets[0] ?? 0n, to: (offsets.at(-1) ?? 0n) + 1n };
    }),
  }));
  try {
    await untilApplied(database, topics, {
      signal: AbortSignal.any([context.signal, limit]),
      onProgress: () => undefined,
      patienceMs: waitMs,
    });
  } catch (error) {
    if (context.signal.aborted || !(limit.aborted || error instanceof CommandError)) throw error;
    if (error instanceof CommandError) say(context, error.message);
  }
}

async function withFates(results: readonly Result[], database: ClickHouse, config: Config): Promise<Result[]> {
  const copies = results.flatMap(({ to }) => to ?? []);
  const fates = await fatesOf(database, copies, config.kafka.topicPrefix);
  return results.map((result) => ({
    ...result,
    fate: result.fate ?? (result.to === null ? null : (fates.get(idOf(result.to)) ?? null)),
  }));
}
