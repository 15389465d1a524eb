import type { Fate } from '../dlq/fates.js';
import { printJson, say, type CliContext } from './context.js';
import type { RedriveOptions } from './dlq.js';
import type { Result } from './dlq-redrive.js';
import { EXIT, type ExitCode } from './exit.js';
import { printable, tableLines } from './table.js';

const COLUMNS = ['id', 'sending', 'to', 'fate', 'reason'].map((title) => ({ title }));

/** Says what became of each, and ends with the code that this stands for. */
export function report(
  results: readonly Result[],
  { options, context }: { readonly options: RedriveOptions; readonly context: CliContext },
): void {
  if (options.json) printJson(context, { dry_run: options.dryRun === true, results: results.map(resultJson) });
  else if (results.length > 0) {
    for (const line of tableLines(COLUMNS, results.map(cells))) context.stdout.write(`${line}\n`);
  }
  for (const sentence of sentences(results)) say(context, sentence);
  const code = exitOf(results, options.wait);
  if (code !== EXIT.ok) context.endWith(code);
}

/** Dead again goes first: that is what a person has to look at. */
export function exitOf(results: readonly Result[], waited: boolean): ExitCode {
  if (results.some(({ fate }) => fate?.kind === 'dead' || fate?.kind === 'lost')) return EXIT.findings;
  const isOpen = ({ sending, fate }: Result): boolean =>
    sending === 'under_way' || (waited && fate?.kind === 'pending');
  return results.some(isOpen) ? EXIT.failure : EXIT.ok;
}

function resultJson({ letter, sending, to, fate }: Result): unknown {
  return {
    id: letter.id,
    sending,
    to: to === null ? null : { topic: to.topic, partition: to.partition, offset: to.offset.toString() },
    fate: fate?.kind ?? null,
    ...whyDead(fate),
  };
}

function cells({ letter, sending, to, fate }: Result): string[] {
  const { code, reason } = whyDead(fate);
  return [
    letter.id,
    sending.replace('_', ' '),
    to === null ? '-' : `${to.partition}/${to.offset}`,
    fate?.kind ?? '-',
    code === null ? '' : printable(`${code}: ${reason}`),
  ];
}

function whyDead(fate: Fate | null): { code: string | null; reason: string | null } {
  return fate?.kind === 'dead' ? { code: fate.code, reason: fate.reason } : { code: null, reason: null };
}

function sentences(results: readonly Result[]): string[] {
  const count = (meets: (result: Result) => boolean): number => results.filter(meets).length;
  const [spared, underWay] = [
    count(({ sending }) => sending === 'spared'),
    count(({ sending }) => sending === 'under_way'),
  ];
  const before = count(({ sending }) => sending === 'before');
  const lines: [number, string][] = [
    [results.length === 0 ? 1 : 0, 'No dead letter is selected.'],
    [spared, `${spared} are spared, because they would come back; --force sends them.`],
    [before, `${before} were redriven before; --again sends what is dead again.`],
    [underWay, `${underWay} are under way by another run, or one that was cut off: try again in a minute.`],
    [
      count(({ fate }) => fate?.kind === 'pending'),
      'Some are not applied yet: run the command again to see their fate.',
    ],
  ];
  return lines.filter(([n]) => n > 0).map(([, line]) => line);
}
