import type { Command } from 'commander';
import type { CliContext } from './context.js';

export interface ImportOptions {
  readonly wait?: true;
  readonly json?: true;
}

/** `backtrail import FILE...`: a person's own records into the topics. */
export function registerImport(program: Command, context: CliContext): void {
  program
    .command('import')
    .description('send records from files into the topics')
    .argument('<files...>', 'one JSON object a line: `topic` and the fields of its schema')
    .option('--wait', 'until the services have applied everything')
    .option('--json', 'what was sent, as one JSON object')
    .addHelpText('after', HELP)
    .action(async (files: string[], options: ImportOptions) => {
      const { importFiles } = await import('./import-run.js');
      await importFiles(files, options, context);
    });
}

const HELP = `
A line: {"topic": "inferences", "event_id": "e1", "occurred_at": "2026-03-10T10:05:00Z", "source": "node-7",
         "inference_id": "0x5c1e...", "model_id": "m", "release": "v2"}
Topics are releases, inferences, proofs, payments and agents. Times are ISO-8601 or microseconds, money is a text or a whole
number, fields that do not apply may be left out. All files are checked before anything is sent. A record that no service can
accept becomes a dead letter: it is kept, with the reason.

Examples:
  $ backtrail demo --events 2000 --write trail.jsonl     a file to look at
  $ backtrail import trail.jsonl --wait
  $ backtrail import monday.jsonl tuesday.jsonl --json`;
