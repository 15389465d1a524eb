import type { Check, Outcome } from './scenario.js';

/** An outcome for people: one line, then every answer that is not as expected or was asked just to see it. */
export function printOutcome(outcome: Outcome): string {
  const shown = outcome.checks.filter((check) => !check.pass || check.expected === null);
  const heading = `${outcome.pass ? 'ok  ' : 'FAIL'} ${outcome.name} (${outcome.checks.length} answers)`;
  return [heading, ...shown.map(printCheck), ''].join('\n');
}

function printCheck({ ask, args, known, expected, actual }: Check): string {
  const question = [ask, ...Object.entries(args).map(([name, value]) => `${name}=${String(value)}`)].join(' ');
  const asOf = known === null ? '' : ` known at ${known}`;
  const wanted = expected === null ? '' : `\n       expected ${JSON.stringify(expected)}`;
  return `     ${question}${asOf}${wanted}\n       answer   ${JSON.stringify(actual)}`;
}
