import { readAcks, readAlertHistory, readAlertLines, readHandlings } from '../shared/clickhouse/alert-handling.js';
import { connectClickHouse } from '../shared/clickhouse/client.js';
import { isoFromMs } from '../shared/core/time.js';
import { alertIds } from './alerts-ids.js';
import { alertJson } from './alerts-list.js';
import { answerLines } from './answer-lines.js';
import { printJson, type CliContext } from './context.js';
import { readerConfig } from './stack-config.js';

export async function showAlert(given: string, options: { json?: true }, context: CliContext): Promise<void> {
  const database = connectClickHouse((await readerConfig(context)).reader);
  try {
    const [id = ''] = await alertIds(database, [given]);
    const [line] = await readAlertLines(database, { ids: [id] });
    if (line === undefined) return;
    const { states, deliveries } = await readAlertHistory(database, id);
    const handlings = await readHandlings(database, id);
    const shown = {
      ...alertJson(line, (await readAcks(database)).get(id)),
      states: states.map(({ state, at_ms: ms }) => ({ state, changed_at: isoFromMs(Number(ms)) })),
      handlings: handlings.map(({ action, who, why, handled_ms: ms }) => ({
        action,
        by: who,
        why,
        at: isoFromMs(Number(ms)),
      })),
      deliveries: deliveries.map(({ at_ms: ms, notification_id: notification, ...delivery }) => ({
        ...delivery,
        notification,
        at: isoFromMs(Number(ms)),
      })),
    };
    if (options.json) printJson(context, shown);
    else for (const text of answerLines(shown)) context.stdout.write(`${text}\n`);
  } finally {
    await database.close();
  }
}
