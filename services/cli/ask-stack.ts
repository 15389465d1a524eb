import type { Answer, Question } from '../shared/core/question.js';
import { connectClickHouse } from '../shared/clickhouse/client.js';
import { askStack } from '../shared/clickhouse/facts-source.js';
import { MICROS_PER_MS } from '../shared/core/time.js';
import type { CliContext } from './context.js';
import { configWithStack } from './stack-config.js';

/** Asks ClickHouse, and closes the connection. */
export async function askOnStack(question: Question, context: CliContext): Promise<Answer> {
  const config = await configWithStack(context);
  const database = connectClickHouse(config.clickhouse);
  try {
    const { proofDeadlineMs, agentDelayMs } = config.limits;
    const settings = {
      proofDeadlineMicros: proofDeadlineMs * MICROS_PER_MS,
      agentDelayMicros: agentDelayMs * MICROS_PER_MS,
    };
    return await askStack(database, question, settings);
  } finally {
    await database.close();
  }
}
