import { randomBytes } from 'node:crypto';

import { Command, InvalidArgumentError } from 'commander';

import { toItsEnd } from '../../command-line.js';
import { runReplayBench, type ReplayBenchOptions } from './replay.js';
import { tableOf } from './report.js';

function whole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is not a whole number above 0.');
  return Number(text);
}

const program = new Command('bench:replay')
  .description(
    `Measures, in one run and on the same topics (ten days of fifty models; inferences with their proofs, payments and agents):
the services, from their start until all is applied, told apart, swept and linked; kafkajs reading all of it and doing
nothing else, which is the limit; and \`backtrail replay\`, from its start until its report with digests is there: of
everything, of one release, and of six hours. Every run is compared with the live tables afterwards.

Starts servers and services in a temporary folder, and removes all that it made. Needs them built: npm run build.`,
  )
  .option('--inferences <n>', 'inferences that are sent, and what hangs on them', whole, 300_000)
  .option('--partitions <n>', 'partitions of the topics', whole, 3)
  .option('--seed <n>', 'other records', whole, 1)
  .option('--json', 'prints one JSON object')
  .addHelpText('after', '\nExamples:\n  npm run bench:replay\n  npm run bench:replay -- --inferences 50000 --json');
program.parse();

const options = program.opts<ReplayBenchOptions & { json?: boolean }>();
process.exitCode = await toItsEnd(async (ending) => {
  const figures = await runReplayBench(options, {
    env: process.env,
    ending,
    name: `replay_${randomBytes(4).toString('hex')}`,
    say: (line) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`),
  });
  process.stdout.write(options.json === true ? `${JSON.stringify(figures)}\n` : `${tableOf(figures)}\n`);
});
