import { randomBytes } from 'node:crypto';

import { Command, InvalidArgumentError } from 'commander';

import { toItsEnd } from '../../command-line.js';
import { tablesOf } from './report.js';
import { runScale, type ScaleOptions } from './scale.js';

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It is not a whole number.');
  return Number(text);
}

const program = new Command('bench:scale')
  .description(
    `Loads a network of 50 models, with proofs, payments and agents, into a stack of its own, in two parts of one tenth and
the rest. Then measures how long a flag raised after the fact and a back-dated rollback take to show, with live traffic
beside it, and every question as known now and as of the end of the first part.

Starts servers and services in a temporary folder, and removes all that it made.`,
  )
  .option('--inferences <n>', 'how many; half of them have proofs, and every ten of them a payment', whole, 10_000_000)
  .option('--seed <n>', 'another network', whole, 1)
  .option('--tries <n>', 'how often each question is asked', whole, 30)
  .option('--per-second <n>', 'live inferences a second beside the rollback', whole, 2000)
  .option('--seconds <n>', 'how long the live traffic goes on', whole, 30)
  .option('--keep', 'leaves the folder of the servers where it is', false)
  .option('--json', 'prints one JSON object')
  .addHelpText('after', '\nExamples:\n  npm run bench:scale\n  npm run bench:scale -- --inferences 1000000 --json');
program.parse();

const options = program.opts<ScaleOptions & { json?: boolean }>();
process.exitCode = await toItsEnd(async (ending) => {
  const figures = await runScale(options, {
    env: process.env,
    ending,
    name: `scale_${randomBytes(4).toString('hex')}`,
    say: (line) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`),
  });
  process.stdout.write(options.json === true ? `${JSON.stringify(figures)}\n` : `${tablesOf(figures)}\n`);
});
