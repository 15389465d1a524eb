import type { Command } from 'commander';
import { stackHome } from '../../infra/embedded/home.js';
import { type CliContext, printJson, say } from './context.js';

interface DownOptions {
  dir?: string;
  delete?: boolean;
  json?: boolean;
}

export function registerDown(program: Command, context: CliContext): void {
  program
    .command('down')
    .description('stop what `backtrail up` started, the services first; data stays')
    .option('--dir <folder>', 'the folder given to `up` (BACKTRAIL_HOME; default: .backtrail)')
    .option('--delete', 'also remove all its topics, schemas, tables and logs')
    .option('--json', 'print {"stopped": [names], "deleted": true|false}')
    .addHelpText('after', EXAMPLES)
    .action(async (options: DownOptions) => {
      await down(context, options);
    });
}

const EXAMPLES = `
Examples:
  $ backtrail down
  $ backtrail down --delete     next time from nothing`;

async function down(context: CliContext, options: DownOptions): Promise<void> {
  const { stopStack } = await import('../../infra/embedded/stop.js');
  const deleteData = options.delete === true;
  const stopped = await stopStack({
    home: stackHome(context.env, options.dir),
    deleteData,
    say: (line) => {
      say(context, line);
    },
  });
  if (options.json === true) printJson(context, { stopped, deleted: deleteData });
  say(context, stopped.length === 0 ? 'Nothing was running.' : `Stopped ${stopped.join(', ')}.`);
  if (deleteData) say(context, 'Its data is deleted.');
}
