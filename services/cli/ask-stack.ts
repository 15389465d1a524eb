import type { Answer, Question } from '../shared/core/question.js';
import { connectClickHouse } from '../shared/clickhouse/client.js';
import { askStack } from '../shared/clickhouse/facts-source.js';
import type { CliContext } from './context.js';
import { trailSettings } from './gather-report.js';
import { configWithStack } from './stack-config.js';

/** Asks ClickHouse, and closes the connection. */
export async function askOnStack(question: Question, context: CliContext): Promise<Answer> {
  const config = await configWithStack(context);
  const database = connectClickHouse(config.clickhouse);
  try {
    return await askStack(database, question, trailSettings(config));
  } finally {
    await database.close();
  }
}
