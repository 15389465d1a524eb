import type { Command } from 'commander';
import type { CliContext } from './context.js';

export interface CompletenessOptions {
  readonly json?: true;
}

/** `backtrail completeness` (SPEC, L5): what became of every offset. */
export function registerCompleteness(program: Command, context: CliContext): void {
  program
    .command('completeness')
    .description('account for every offset of every input topic; exits 3 and names the range when one is missing')
    .option('--json', 'as one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: CompletenessOptions) => {
      const { accountForTopics } = await import('./completeness-run.js');
      await accountForTopics(options, context);
    });
}

const HELP = `
Every offset below what is applied is one of: applied, duplicate (a copy of an event or a further event about an inference, which
is kept and does not count), dead-lettered, or a declared gap (offsets that hold no record for us: deleted by retention before they
were read, or transaction markers). What is behind that is the lag. Of what was deleted before it was read it says between which append
times it lies: answers as known before them lack nothing. Copies that contradict the one that counts are listed as
EVENT_ID_CONFLICT; they make nothing incomplete.

Examples:
  $ backtrail completeness
  $ backtrail completeness --json     {"complete", "topics": [{"topic", "partitions": [{"partition", "first", "last", ...}]}],
                                       "missing": [{"topic", "partition", "from", "to"}],
                                       "lost": [{"topic", "partition", "from", "to", "records_at_most", "appended_after",
                                                 "appended_before"}],
                                       "replaced": [{"topic", "partition", "reason"}], "conflicts": [...]}`;
