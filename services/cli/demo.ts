import type { Command } from 'commander';
import { wholeNumberArgument } from './arguments.js';
import type { CliContext } from './context.js';
import { usageError } from './exit.js';

export interface DemoOptions {
  readonly events: number;
  readonly seed: number;
  readonly file: string | null;
  readonly write: string | null;
  readonly json: boolean;
}

const EVENTS_DEFAULT = 50_000;
const SEED_DEFAULT = 1;

/** `backtrail demo`: the main job, from nothing to an incident report. */
export function registerDemo(program: Command, context: CliContext): void {
  program
    .command('demo')
    .description('traffic of a small network with a bad release, through the whole pipeline, to an incident report')
    .option('--events <n>', `how many records (default: ${EVENTS_DEFAULT})`)
    .option('--seed <n>', `another number, another story of the same kind (default: ${SEED_DEFAULT})`)
    .option('--file <trail.jsonl>', 'your own records instead, as `backtrail import` takes them')
    .option('--write <trail.jsonl>', 'only write the records to a file, and send nothing')
    .option('--json', 'the report as JSON')
    .addHelpText('after', HELP)
    .action(async (given: Readonly<Record<string, string | boolean | undefined>>) => {
      const options = demoOptions(given);
      const { demo } = await import('./demo-run.js');
      await demo(options, context);
    });
}

const HELP = `
Starts the embedded stack if none is configured or running, and leaves it running (\`backtrail down\` stops it).
The generator knows which release really served each request and what is right about it; if an answer differs, the demo says which
and exits with 3. Every run has models of its own (their names end with the seed and the time), so a second one on the same
stack does not mix with the first.

Examples:
  $ backtrail demo
  $ backtrail demo --events 5000 --seed 7 --json
  $ backtrail demo --file trail.jsonl`;

function demoOptions(given: Readonly<Record<string, string | boolean | undefined>>): DemoOptions {
  const text = (name: string): string | null => (typeof given[name] === 'string' ? given[name] : null);
  const file = text('file');
  const generated = ['events', 'seed', 'write'].filter((name) => given[name] !== undefined);
  if (file !== null && generated.length > 0) throw usageError(`--file and --${generated[0] ?? ''} exclude each other`);
  return {
    events: wholeNumberArgument('--events', text('events') ?? String(EVENTS_DEFAULT), 1),
    seed: wholeNumberArgument('--seed', text('seed') ?? String(SEED_DEFAULT), 0),
    file,
    write: text('write'),
    json: given['json'] === true,
  };
}
