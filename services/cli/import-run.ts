import type { TrailRecord } from '../demo/sending.js';
import { connectClickHouse } from '../shared/clickhouse/client.js';
import { printJson, say, type CliContext } from './context.js';
import type { ImportOptions } from './import.js';
import { progressLine } from './progress.js';
import { sendTrail, type SentTopic } from './send-trail.js';
import { configWithStack } from './stack-config.js';
import { tableLines } from './table.js';
import { readTrailFile } from './trail-file.js';
import { untilApplied } from './until-applied.js';

export async function importFiles(
  files: readonly string[],
  options: ImportOptions,
  context: CliContext,
): Promise<void> {
  await checkFiles(files);
  const config = await configWithStack(context);
  const progress = progressLine(context.stderr, context.env);
  let sent: SentTopic[];
  try {
    sent = await sendTrail(config, readAll(files), {
      signal: context.signal,
      onProgress: (count) => {
        progress.update(`sent ${count} records`);
      },
    });
    if (options.wait) {
      const database = connectClickHouse(config.clickhouse);
      try {
        await untilApplied(database, sent, {
          signal: context.signal,
          onProgress: (applied, wanted) => {
            progress.update(`applied ${applied} of ${wanted}`);
          },
        });
      } finally {
        await database.close();
      }
    }
  } finally {
    progress.clear();
  }
  report(sent, options, context);
}

/** A mistake in the last line of the last file is found before the first record is sent. */
export async function checkFiles(files: readonly string[]): Promise<void> {
  const records = readAll(files);
  while ((await records.next()).done !== true);
}

export async function* readAll(files: readonly string[]): AsyncGenerator<TrailRecord> {
  for (const file of files) yield* readTrailFile(file);
}

function report(sent: readonly SentTopic[], options: ImportOptions, context: CliContext): void {
  if (options.json) {
    printJson(context, { sent });
    return;
  }
  const columns = [
    { title: 'topic' },
    { title: 'records', align: 'right' as const },
    { title: 'offsets by partition' },
  ];
  const rows = sent
    .filter(({ records }) => records > 0)
    .map(({ topic, records, partitions }) => [topic, String(records), partitions.map(span).join('  ')]);
  for (const line of tableLines(columns, rows)) context.stdout.write(`${line}\n`);
  const unencodable = sent.reduce((sum, topic) => sum + topic.unencodable, 0);
  if (unencodable > 0) {
    say(context, `${unencodable} records do not fit their schema; they were sent as text and become dead letters.`);
  }
}

function span({ partition, from, to }: SentTopic['partitions'][number]): string {
  return `${partition}: ${from}..${to}`;
}
