import type { Question } from '../shared/core/question.js';
import { connectClickHouse } from '../shared/clickhouse/client.js';
import { askWithHorizon, type Answered } from '../shared/clickhouse/ask/ask.js';
import { trailSettings } from '../shared/config.js';
import { runDatabase } from '../replay/runs.js';
import type { CliContext } from './context.js';
import { readerConfig } from './stack-config.js';

/** Asks ClickHouse, the live tables or those of a replay, and closes the connection. */
export async function askOnStack(question: Question, context: CliContext, runId?: string): Promise<Answered> {
  const config = await readerConfig(context);
  const live = config.reader.database;
  const reader = { ...config.reader, database: runId === undefined ? live : runDatabase(live, runId) };
  const database = connectClickHouse(reader);
  try {
    return await askWithHorizon(database, question, trailSettings(config));
  } finally {
    await database.close();
  }
}
