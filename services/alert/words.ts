import type { AlertRow } from './rows.js';

/** What an alert says to people: a sentence, what to look at, and what to do. */
export interface Words {
  readonly summary: string;
  readonly commands: readonly string[];
  readonly runbook: string;
}

export function wordsOf(alert: AlertRow, runbookUrl: string): Words {
  const { modelId: model, release, kind } = alert;
  const incident = askCommand('incident', model, release);
  return {
    summary: sentenceOf(alert),
    commands: [...looksOf(alert), incident],
    runbook: `${runbookUrl}#alert-${kind.toLowerCase()}`,
  };
}

function sentenceOf({ kind, modelId: model, release, subject, retroactive, late, states }: AlertRow): string {
  if (states.length === 0)
    return `Release ${release} of ${model}: what was said of ${subject} turned out never to have been so.`;
  switch (kind) {
    case 'SETTLED_ON_FLAGGED':
      return (
        `Payment ${subject} settled for work of the flagged release ${release} of ${model}` +
        (late ? ', after that release had been taken out of traffic' : '') +
        `${retroactive ? '; it was flagged after the settlement' : ''}.`
      );
    case 'FLAGGED_REACTIVATED':
      return `The flagged release ${release} of ${model} came into traffic again, from ${subject} on.`;
    case 'STALE_SERVING':
      return `The flagged release ${release} of ${model} still serves requests after its activation ${subject} ended.`;
  }
}

function looksOf({ kind, modelId: model, release, subject }: AlertRow): string[] {
  switch (kind) {
    case 'SETTLED_ON_FLAGGED':
      return [askCommand('payment', subject), askCommand('payments', model, release)];
    case 'FLAGGED_REACTIVATED':
      return [askCommand('windows', model), askCommand('taint', model, release)];
    case 'STALE_SERVING':
      return [askCommand('agents', model, release, '--activation', subject), askCommand('taint', model, release)];
  }
}

/** Ids come from anywhere: none may be more than a word of the command. */
export function askCommand(question: string, ...words: readonly string[]): string {
  const optionsFrom = words.indexOf('--activation');
  const [ids, options] = optionsFrom < 0 ? [words, []] : [words.slice(0, optionsFrom), words.slice(optionsFrom)];
  const ends = ids.some((id) => id.startsWith('-')) ? ['--'] : [];
  return ['backtrail ask', question, ...options, ...ends, ...ids.map(quoted)].join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
