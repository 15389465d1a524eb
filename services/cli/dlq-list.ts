import { countLetters, readLetters, type Letter } from '../dlq/letters.js';
import { inputTopic } from '../dlq/position.js';
import { connectClickHouse } from '../shared/clickhouse/client.js';
import { isoFromMs } from '../shared/core/time.js';
import { knowledgeTimeArgument, wholeNumberArgument } from './arguments.js';
import { printJson, say, type CliContext } from './context.js';
import type { ListOptions } from './dlq.js';
import { usageError } from './exit.js';
import { readerConfig } from './stack-config.js';
import { printable, tableLines } from './table.js';

export async function listDeadLetters(options: ListOptions, context: CliContext): Promise<void> {
  const limit = wholeNumberArgument('--limit', options.limit, 1);
  const selection = {
    topic: topicArgument(options.topic, context),
    code: options.code,
    sinceMs: options.since === undefined ? undefined : knowledgeTimeArgument('--since', options.since),
  };
  const config = await readerConfig(context);
  const database = connectClickHouse(config.reader);
  try {
    const letters = await readLetters(database, selection, limit);
    const total = letters.length < limit ? letters.length : await countLetters(database, selection);
    if (options.json) printJson(context, { total, dead_letters: letters.map(letterJson) });
    else if (letters.length > 0) for (const line of letterLines(letters)) context.stdout.write(`${line}\n`);
    if (total === 0) say(context, 'There are no dead letters.');
    if (total > letters.length) say(context, `${total - letters.length} more, which --limit leaves out.`);
  } finally {
    await database.close();
  }
}

/** The topic that a short or long name means; undefined stays. */
export function topicArgument(name: string | undefined, context: CliContext): string | undefined {
  if (name === undefined) return undefined;
  const topic = inputTopic(name, context.env['TOPIC_PREFIX'] ?? '');
  if (topic === null) throw usageError(`--topic is not one of the input topics: ${name}`);
  return topic;
}

/** The shape that scripts rely on. */
export function letterJson(letter: Letter): Record<string, unknown> {
  const { id, topic, partition, offset, appendedAtMs, service, code, reason, redrives, redriveOf } = letter;
  return {
    ...{ id, topic, partition, offset: offset.toString(), appended_at: isoFromMs(appendedAtMs), service, code, reason },
    redriven: redrives.some(({ state }) => state === 'SENT'),
    redrives: redrives.map(({ by, intendedAtMs, state, to }) => {
      const at = isoFromMs(intendedAtMs);
      return { by, at, state, to: to === null ? null : { partition: to.partition, offset: to.offset.toString() } };
    }),
    redrive_of: redriveOf,
  };
}

function letterLines(letters: readonly Letter[]): string[] {
  const columns = ['id', 'appended at', 'code', 'redriven', 'reason'].map((title) => ({ title }));
  const rows = letters.map((letter) => [
    letter.id,
    isoFromMs(letter.appendedAtMs),
    letter.code,
    redrivenWords(letter),
    printable(letter.reason),
  ]);
  return tableLines(columns, rows);
}

export function redrivenWords({ redrives, redriveOf }: Pick<Letter, 'redrives' | 'redriveOf'>): string {
  const words = redrives
    .filter(({ state }) => state !== 'NOT_SENT')
    .map(({ to }) => (to === null ? 'cut off' : `to ${to.partition}/${to.offset}`));
  if (redriveOf !== null) words.unshift(`copy of ${redriveOf.split('/').slice(1).join('/')}`);
  return words.length === 0 ? '-' : words.join(', ');
}
