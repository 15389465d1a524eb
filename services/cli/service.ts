import { Argument, type Command } from 'commander';
import type { CliContext } from './context.js';
import { SERVICES } from './stack-contents.js';

/** `backtrail service NAME`: one service in the foreground, as an image or a developer runs it. */
export function registerService(program: Command, context: CliContext): void {
  program
    .command('service')
    .description('run one service in the foreground until Ctrl-C; its log is on stderr')
    .addArgument(new Argument('<name>', 'which one').choices([...SERVICES]))
    .addHelpText('after', EXAMPLES)
    .action(async (name: string) => {
      const { runService } = await import('./service-run.js');
      await runService(name, context);
    });
}

const EXAMPLES = `
Examples:
  $ backtrail service payment
  $ PORT=9405 LOG_LEVEL=debug backtrail service payment`;
