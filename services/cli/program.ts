import { Command, CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../shared/package-root.js';
import { registerAlerts } from './alerts.js';
import { registerArchive } from './archive.js';
import { registerAsk } from './ask.js';
import { registerCompleteness } from './completeness.js';
import type { CliContext } from './context.js';
import { registerDemo } from './demo.js';
import { registerDlq } from './dlq.js';
import { CommandError, EXIT } from './exit.js';
import { registerDown } from './down.js';
import { registerImport } from './import.js';
import { registerConfig } from './config.js';
import { registerMigrate } from './migrate.js';
import { registerReplay } from './replay.js';
import { registerScenario } from './scenario.js';
import { registerService } from './service.js';
import { stackContents } from './stack-contents.js';
import { registerStatus } from './status.js';
import { registerUp } from './up.js';

/**
 * The whole command line. Registering a command only describes it; what it does is imported when it runs, so that
 * `backtrail --help` and a mistyped argument answer at once.
 */
export async function runProgram(args: readonly string[], context: CliContext): Promise<void> {
  try {
    await buildProgram(context).parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    throw new CommandError(EXIT.usage, usageSentence(error), { cause: error });
  }
}

/** Separate from running it, so that a test can walk through all commands. */
export function buildProgram(context: CliContext): Command {
  const program = new Command('backtrail')
    .description('Makes the path backward of a model rollback completely visible, and provable.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .exitOverride()
    // `alerts` and its subcommands have options of the same names.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      // The one line that main.ts prints says it all; commander's own would say it twice.
      outputError: () => undefined,
    })
    .addHelpText('after', EXAMPLES);
  registerDemo(program, context);
  registerAsk(program, context);
  registerAlerts(program, context);
  registerImport(program, context);
  registerCompleteness(program, context);
  registerDlq(program, context);
  registerReplay(program, context);
  registerArchive(program, context);
  registerScenario(program, context);
  registerUp(program, context, stackContents(context.env));
  registerStatus(program, context);
  registerDown(program, context);
  registerMigrate(program, context);
  registerConfig(program, context);
  registerService(program, context);
  return program;
}

const EXAMPLES = `
Examples:
  $ backtrail demo                          a small network, a bad release, a rollback; then the incident report
  $ backtrail import trail.jsonl            your own records into the topics
  $ backtrail ask incidents                 what is wrong, all models
  $ backtrail ask served 0x5c1e...          which release really served this request
  $ backtrail alerts --follow               what fires, as it comes

Exit codes: 0 ok, 1 failure, 2 usage or bad input, 3 findings or mismatch, 130 interrupted.
Data goes to stdout, everything else to stderr. --json gives every command's data as JSON.`;

export function packageVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function usageSentence(error: CommanderError): string {
  if (error.code === 'commander.help') return '';
  return `${error.message.replace(/^error: /, '').replaceAll('\n', ' ')} (--help shows how)`;
}
