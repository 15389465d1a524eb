import type { Question } from '../shared/core/question.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { askWithHorizon, type Answered } from '../shared/clickhouse/ask/ask.js';
import { trailSettings, type ReaderConfig } from '../shared/config.js';
import { isInScope } from '../replay/in-scope.js';
import { isPartial } from '../replay/manifest.js';
import { readRun, runDatabase } from '../replay/runs.js';
import type { CliContext } from './context.js';
import { CommandError, EXIT } from './exit.js';
import { readerConfig } from './stack-config.js';

/** Asks ClickHouse, the live tables or those of a replay, and closes the connection. */
export async function askOnStack(question: Question, context: CliContext, runId?: string): Promise<Answered> {
  const config = await readerConfig(context);
  const live = connectClickHouse(config.reader);
  try {
    if (runId !== undefined) return await askRun(question, runId, { config, live });
    return await askWithHorizon(live, question, trailSettings(config));
  } finally {
    await live.close();
  }
}

async function askRun(
  question: Question,
  runId: string,
  { config, live }: { readonly config: ReaderConfig; readonly live: ClickHouse },
): Promise<Answered> {
  const run = await readRun(live, runId);
  const database = connectClickHouse({ ...config.reader, database: runDatabase(live.database, runId) });
  try {
    if (run !== null && isPartial(run.manifest)) {
      const { scope } = run.manifest;
      if (!(await isInScope(question, { scope, database }))) {
        const message = `${runId} has only what belongs to ${JSON.stringify(scope)}, and this may need more`;
        throw new CommandError(EXIT.usage, `${message}: ask the live tables, or a run made with --full`);
      }
    }
    return await askWithHorizon(database, question, run?.manifest.settings ?? trailSettings(config));
  } finally {
    await database.close();
  }
}
