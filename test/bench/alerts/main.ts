import { randomBytes } from 'node:crypto';

import { Command, InvalidArgumentError } from 'commander';

import { toItsEnd } from '../../command-line.js';
import { runAlerts, type AlertsOptions } from './alerts.js';
import { tablesOf } from './report.js';

function whole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is not a whole number above 0.');
  return Number(text);
}

const program = new Command('bench:alerts')
  .description(
    `How long an alert takes, beside live traffic of 50 models (inferences, proofs, payments and agents in their natural
shares): from the append of the payment that settles on a flagged release, by the clock of the broker, until a reader of
the alerts topic has the alert. Then from the append of a flag over many settled payments until the last of their alerts
is there, and the same for its withdrawal.

Starts servers and services in a temporary folder, and removes all that it made.`,
  )
  .option('--rate <n>', 'events a second of the live traffic', whole, 5000)
  .option('--seconds <n>', 'how long payments are measured', whole, 60)
  .option('--payments <n>', 'payments that settle on the flagged release in that time', whole, 600)
  .option('--retroactive <n>', 'settled payments of the release that is flagged afterwards', whole, 10_000)
  .option('--seed <n>', 'other records', whole, 1)
  .option('--json', 'prints one JSON object')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run bench:alerts\n  npm run bench:alerts -- --rate 1000 --seconds 20 --json',
  );
program.parse();

const options = program.opts<AlertsOptions & { json?: boolean }>();
process.exitCode = await toItsEnd(async (ending) => {
  const figures = await runAlerts(options, {
    env: process.env,
    ending,
    name: `alerts_${randomBytes(4).toString('hex')}`,
    say: (line) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`),
  });
  process.stdout.write(options.json === true ? `${JSON.stringify(figures)}\n` : `${tablesOf(figures)}\n`);
});
