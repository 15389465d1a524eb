import type { Question } from '../shared/core/question.js';
import { connectClickHouse } from '../shared/clickhouse/client.js';
import { askWithHorizon, type Answered } from '../shared/clickhouse/ask/ask.js';
import { trailSettings } from '../shared/config.js';
import type { CliContext } from './context.js';
import { readerConfig } from './stack-config.js';

/** Asks ClickHouse, and closes the connection. */
export async function askOnStack(question: Question, context: CliContext): Promise<Answered> {
  const config = await readerConfig(context);
  const database = connectClickHouse(config.reader);
  try {
    return await askWithHorizon(database, question, trailSettings(config));
  } finally {
    await database.close();
  }
}
