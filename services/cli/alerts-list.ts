import {
  readAcks,
  readAlertLines,
  readSilenceLines,
  type Ack,
  type AlertLine,
  type SilenceLine,
} from '../shared/clickhouse/alert-handling.js';
import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { now } from '../shared/clock.js';
import { isoFromMs } from '../shared/core/time.js';
import type { ListOptions, SilencesOptions } from './alerts.js';
import { SHORT } from './alerts-ids.js';
import { knowledgeTimeArgument } from './arguments.js';
import { printJson, say, type CliContext } from './context.js';
import { readerConfig } from './stack-config.js';
import { printable, tableLines } from './table.js';

export async function listAlerts(options: ListOptions, context: CliContext): Promise<void> {
  const { model, state, kind, known } = options;
  const knownAtMs = known === undefined ? undefined : knowledgeTimeArgument('--known', known);
  await reading(context, async (database) => {
    const lines = await readAlertLines(database, { knownAtMs, model, state, kind });
    const acks = await readAcks(database, knownAtMs);
    if (options.json) {
      printJson(
        context,
        lines.map((line) => alertJson(line, acks.get(line.alert_id))),
      );
    } else if (lines.length === 0) say(context, 'no alerts');
    else {
      const titles = ['alert', 'state', 'since', 'kind', 'model', 'release', 'subject', 'severity', 'notes'];
      const rows = lines.map((line) => alertCells(line, acks.get(line.alert_id)));
      for (const line of tableLines(
        titles.map((title) => ({ title })),
        rows,
      )) {
        context.stdout.write(`${line}\n`);
      }
    }
  });
}

/** The fields of `ask alerts`, and what people did. */
export function alertJson(line: AlertLine, ack: Ack | undefined): object {
  return {
    alert_id: line.alert_id,
    kind: line.kind,
    model: line.model_id,
    release: line.release,
    subject: line.subject,
    severity: line.severity,
    raised_at: isoFromMs(Number(line.raised_ms)),
    state: line.state,
    changed_at: isoFromMs(Number(line.changed_ms)),
    retroactive: line.retroactive,
    late: line.late,
    acked: ack === undefined ? null : { by: ack.who, why: ack.why, at: isoFromMs(Number(ack.handled_ms)) },
  };
}

function alertCells(line: AlertLine, ack: Ack | undefined): string[] {
  const notes = [
    ...(line.retroactive ? ['retroactive'] : []),
    ...(line.late ? ['late'] : []),
    ...(ack === undefined ? [] : [`acked by ${ack.who}: ${ack.why}`]),
  ];
  const { alert_id: id, state, changed_ms: changed, kind, model_id: model, release, subject, severity } = line;
  return [id.slice(0, SHORT), state, isoFromMs(Number(changed)), kind, model, release, subject, severity ?? '-']
    .concat(notes.join(', '))
    .map(printable);
}

export async function listSilences(options: SilencesOptions, context: CliContext): Promise<void> {
  await reading(context, async (database) => {
    const silences = await readSilenceLines(database, { endsAfterMs: options.all ? 0 : now() });
    if (options.json) printJson(context, silences.map(silenceJson));
    else if (silences.length === 0) say(context, options.all ? 'no silences' : 'no silence holds');
    else {
      const titles = ['silence', 'model', 'release', 'kind', 'severity', 'from', 'until', 'by', 'why'];
      const rows = silences.map(silenceCells);
      for (const line of tableLines(
        titles.map((title) => ({ title })),
        rows,
      )) {
        context.stdout.write(`${line}\n`);
      }
    }
  });
}

export function silenceJson(line: SilenceLine): object {
  return {
    silence_id: line.silence_id,
    model: line.model_id,
    release: line.release,
    kind: line.kind,
    severity: line.severity,
    from: isoFromMs(Number(line.from_ms)),
    until: isoFromMs(Number(line.until_ms)),
    ended_at: isoFromMs(Number(line.ended_ms)),
    by: line.who,
    why: line.why,
    ended_by: line.ended_by,
    ended_why: line.ended_why,
  };
}

function silenceCells(line: SilenceLine): string[] {
  const ended = line.ended_by === null ? '' : ` (ended by ${line.ended_by}: ${line.ended_why ?? ''})`;
  return [
    line.silence_id.slice(0, SHORT),
    line.model_id,
    line.release ?? 'any',
    line.kind ?? 'any',
    line.severity ?? 'any',
    isoFromMs(Number(line.from_ms)),
    isoFromMs(Number(line.ended_ms)),
    line.who,
    `${line.why}${ended}`,
  ].map(printable);
}

async function reading(context: CliContext, read: (database: ClickHouse) => Promise<void>): Promise<void> {
  const database = connectClickHouse((await readerConfig(context)).reader);
  try {
    await read(database);
  } finally {
    await database.close();
  }
}
