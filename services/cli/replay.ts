import type { Command } from 'commander';

import type { CliContext } from './context.js';

export interface ReplayOptions {
  readonly model?: string;
  readonly release?: string;
  readonly activation?: string;
  readonly from?: string;
  readonly to?: string;
  readonly known?: string;
  readonly manifest?: string;
  readonly runId?: string;
  readonly share?: string;
  readonly full?: true;
  readonly readThrough?: string;
  readonly archive?: string;
  readonly dryRun?: true;
}

/** `backtrail replay` (SPEC, L6). */
export function registerReplay(program: Command, context: CliContext): void {
  const replay = program
    .command('replay')
    .description('rebuild from the topics what the services wrote, in a database of its own')
    .option('--model <id>', 'the model whose history is compared and restored')
    .option('--release <name>', 'only what belongs to this release')
    .option('--activation <n>', 'only this activation of the release')
    .option('--from <time>', 'only inferences at this event time or later')
    .option('--to <time>', 'only inferences before this event time')
    .option('--known <time>', 'only records appended up to then')
    .option('--manifest <file>', 'repeat the run of this manifest, or of the report of a run')
    .option('--run-id <id>', 'name of the run; one that was cut off goes on where it was')
    .option('--share <part>', 'part of the time that it may read, between 0 and 1', '1')
    .option('--full', 'read everything, not only what the scope needs: then the run answers any question')
    .option('--read-through <n>', 'stretches of up to so many offsets that are not needed are read all the same')
    .option('--archive <place>', 'read from this archive what it has, and the rest from the topics')
    .option('--dry-run', 'print the manifest and how many records it reads, and read nothing')
    .addHelpText('after', HELP)
    .action(async (options: ReplayOptions) => {
      const { runReplay } = await import('./replay-run.js');
      await runReplay(options, context);
    });
  replay
    .command('diff')
    .description('what a run says differently from the live tables, or from another run; exits 3 if anything')
    .argument('<run>')
    .argument('[other]', 'live, or another run', 'live')
    .option('--json', 'as one JSON object')
    .addHelpText('after', DIFF_HELP)
    .action(async (run: string, other: string, options: { readonly json?: true }) => {
      const { runDiff } = await import('./replay-compare.js');
      await runDiff({ run, other, json: options.json === true }, context);
    });
  replay
    .command('restore')
    .description('write what the live tables lack of what a run says; adds rows only')
    .argument('<run>')
    .addHelpText('after', '\nExample:\n  $ backtrail replay restore again')
    .action(async (run: string) => {
      const { runRestore } = await import('./replay-compare.js');
      await runRestore(run, context);
    });
}

const DIFF_HELP = `
Each difference names the table, the row, the field with both values (the run's is \`left\`), and why: the record with its position, or
the rule of SPEC and since when. Alerts that would have been raised, or not, are rows of alert_states.

Example:
  $ backtrail replay diff again --json    {"run", "other", "equal", "differences": [{"table", "key", "field", "left", "right",
                                           "because"}], "cut"}`;

const HELP = `
Reads the topics up to where they end now, or the ranges of a manifest, in consumer groups of its own that are thrown away.
Nothing is committed and nothing is sent: no alert, no dead letter, no notification. What would have been is rows of the run.

Of inferences, proofs and payments it reads what the scope needs: what the live tables know of the log says where that is.
Where they do not account for every offset it reads all. The run then answers questions about its scope only; with --full any.
With --manifest it ends with 3 when the log, or the schemas, are not those that were read before.
The report is one JSON object: {"run", "database", "manifest", "reads": {"records", "of", "whole"}, "digests"}.

Examples:
  $ backtrail replay --model m --release v2
  $ backtrail replay --model m --known 2026-03-10T12:00:00Z --run-id noon
  $ backtrail replay --manifest report.json --run-id again
  $ backtrail replay --model m --archive s3://backup/trail
  $ backtrail replay diff again
  $ backtrail replay restore again
  $ backtrail ask incident m v2 --run again`;
