import { randomBytes } from 'node:crypto';
import { readAcks, readAlertLines, readSilenceLines } from '../shared/clickhouse/alert-handling.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { now } from '../shared/clock.js';
import { isoFromMs } from '../shared/core/time.js';
import { msFromDuration } from '../shared/duration.js';
import type { HandleOptions, SilenceOptions } from './alerts.js';
import { alertIds, SHORT, silenceIds } from './alerts-ids.js';
import { silenceJson } from './alerts-list.js';
import { printJson, say, type CliContext } from './context.js';
import { usageError } from './exit.js';
import { readerConfig } from './stack-config.js';
import { printable } from './table.js';

const SILENCE_MAX_MS = 365 * 86_400_000;

/** A row for each alert: what was said before stays. */
export async function ackAlerts(
  action: 'ack' | 'unack',
  given: readonly string[],
  { options, context }: { options: HandleOptions; context: CliContext },
): Promise<void> {
  const { who, why } = saidBy(options, context);
  await writing(context, async (database) => {
    const ids = await alertIds(database, given);
    if (action === 'unack') {
      const acks = await readAcks(database);
      const none = ids.filter((id) => !acks.has(id));
      if (none.length > 0) throw usageError(`nobody has taken on ${none.map((id) => id.slice(0, SHORT)).join(', ')}`);
    }
    const handledAtMs = now();
    await database.insert(
      'alert_ack_rows',
      ids.map((id) => ({ alert_id: id, action, who, why, handled_at: handledAtMs })),
    );
    const at = isoFromMs(handledAtMs);
    if (options.json) {
      printJson(
        context,
        ids.map((id) => ({ alert_id: id, action, by: who, why, at })),
      );
    } else {
      for (const id of ids) context.stdout.write(`${action} ${id.slice(0, SHORT)} by ${printable(who)}\n`);
    }
  });
}

export async function silence(options: SilenceOptions, context: CliContext): Promise<void> {
  const { who, why } = saidBy(options, context);
  const forMs = msFromDuration(options.for);
  if (forMs === null || forMs === 0) throw usageError(`--for is not a duration such as 30m, 2h or 1d: ${options.for}`);
  if (forMs > SILENCE_MAX_MS) throw usageError(`--for is at most a year: ${options.for}`);
  const { model, release = null, kind = null, severity = null } = options;
  await writing(context, async (database) => {
    const id = randomBytes(8).toString('hex');
    const handledAtMs = now();
    await database.insert('alert_silence_rows', [
      {
        silence_id: id,
        action: 'silence',
        model_id: model,
        release,
        kind,
        severity,
        until: handledAtMs + forMs,
        who,
        why,
        handled_at: handledAtMs,
      },
    ]);
    await printSilence(database, id, { options, context });
    const alerts = await readAlertLines(database, { model, kind: kind ?? undefined });
    const isMet = alerts.some(
      (alert) => (release === null || alert.release === release) && (severity === null || alert.severity === severity),
    );
    if (!isMet) say(context, 'no alert so far is one of these');
  });
}

export async function unsilence(given: string, options: HandleOptions, context: CliContext): Promise<void> {
  const { who, why } = saidBy(options, context);
  await writing(context, async (database) => {
    const [id = ''] = await silenceIds(database, [given]);
    const handledAtMs = now();
    const [line] = await readSilenceLines(database, { endsAfterMs: handledAtMs, id });
    if (line === undefined) throw usageError(`silence ${id} has ended already`);
    const { model_id, release, kind, severity } = line;
    const ended = { silence_id: id, action: 'unsilence', model_id, release, kind, severity, who, why };
    await database.insert('alert_silence_rows', [{ ...ended, until: handledAtMs, handled_at: handledAtMs }]);
    await printSilence(database, id, { options, context });
  });
}

async function printSilence(
  database: ClickHouse,
  id: string,
  { options, context }: { options: HandleOptions; context: CliContext },
): Promise<void> {
  const [line] = await readSilenceLines(database, { endsAfterMs: 0, id });
  if (line === undefined) return;
  if (options.json) printJson(context, silenceJson(line));
  else context.stdout.write(`silence ${id} until ${isoFromMs(Number(line.ended_ms))}\n`);
}

function saidBy({ why, by }: HandleOptions, context: CliContext): { who: string; why: string } {
  if (why.trim() === '') throw usageError('--why is empty');
  const who = by ?? context.env['USER'] ?? context.env['LOGNAME'] ?? context.env['USERNAME'] ?? 'unknown';
  if (who.trim() === '') throw usageError('--by is empty');
  return { who, why };
}

async function writing(context: CliContext, write: (database: ClickHouse) => Promise<void>): Promise<void> {
  const database = connectClickHouse((await readerConfig(context)).clickhouse);
  try {
    await write(database);
  } finally {
    await database.close();
  }
}
