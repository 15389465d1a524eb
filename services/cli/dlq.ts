import type { Command } from 'commander';
import type { CliContext } from './context.js';

export interface ListOptions {
  readonly topic?: string;
  readonly code?: string;
  readonly since?: string;
  readonly limit: string;
  readonly json?: true;
}

export interface ShowOptions {
  readonly json?: true;
}

export interface RedriveOptions {
  readonly topic?: string;
  readonly code?: string;
  readonly all?: true;
  readonly again?: true;
  readonly force?: true;
  readonly dryRun?: true;
  readonly by?: string;
  /** False with --no-wait. */
  readonly wait: boolean;
  readonly waitSeconds: string;
  readonly json?: true;
}

/** `backtrail dlq list|show|redrive`: what was refused for good, why, and once more. */
export function registerDlq(program: Command, context: CliContext): void {
  const dlq = program
    .command('dlq')
    .description('dead letters: list them, look at one, send them again')
    .addHelpText('after', EXAMPLES);
  dlq
    .command('list')
    .description('the records that were refused for good, the oldest first')
    .option('--topic <topic>', 'of this topic: its name, or inferences, proofs, payments, agents, releases')
    .option('--code <code>', 'with this error code')
    .option('--since <time>', 'appended at this time or later')
    .option('--limit <n>', 'so many at most', '1000')
    .option('--json', 'as one JSON object')
    .addHelpText('after', LIST_HELP)
    .action(async (options: ListOptions) => {
      const { listDeadLetters } = await import('./dlq-list.js');
      await listDeadLetters(options, context);
    });
  dlq
    .command('show')
    .description('one dead letter: reason, bytes, what can be read of it, and what would become of it now')
    .argument('<id>', '<topic>/<partition>/<offset>, as `dlq list` has it')
    .option('--json', 'as one JSON object')
    .addHelpText('after', SHOW_HELP)
    .action(async (id: string, options: ShowOptions) => {
      const { showDeadLetter } = await import('./dlq-show.js');
      await showDeadLetter(id, options, context);
    });
  dlq
    .command('redrive')
    .description(
      'send dead letters to their topic again, and say what became of them; exits 3 when some are dead again',
    )
    .argument('[ids...]', 'dead letters, as `dlq list` has them')
    .option('--topic <topic>', 'all of this topic')
    .option('--code <code>', 'all with this error code')
    .option('--all', 'all there are')
    .option('--again', 'also what was redriven before')
    .option('--force', 'also what would be refused again, or waited for')
    .option('--dry-run', 'send nothing: say what would become of each')
    .option('--by <who>', 'who redrives, for the history (default: the user)')
    .option('--no-wait', 'do not wait until the services have applied them')
    .option('--wait-seconds <n>', 'wait so long at most', '60')
    .option('--json', 'as one JSON object')
    .addHelpText('after', REDRIVE_HELP)
    .action(async (ids: string[], options: RedriveOptions) => {
      const { redriveDeadLetters } = await import('./dlq-redrive.js');
      await redriveDeadLetters(ids, options, context);
    });
}

const EXAMPLES = `
Examples:
  $ backtrail dlq list --code SCHEMA_UNKNOWN
  $ backtrail dlq show inferences/0/1234
  $ backtrail dlq redrive --code SCHEMA_UNKNOWN --dry-run`;

const LIST_HELP = `
The id of a dead letter is the position of the record: <topic>/<partition>/<offset>. REDRIVEN says where its copy is, or that it is
a copy itself, which is dead again.

Examples:
  $ backtrail dlq list
  $ backtrail dlq list --topic payments --since 2026-03-10T10:00:00Z --json
      {"total", "dead_letters": [{"id", "topic", "partition", "offset", "appended_at", "service", "code", "reason",
                                  "redriven", "redrives": [{"by", "at", "state", "to"}], "redrive_of"}]}`;

const SHOW_HELP = `
The value is read with the schema that wrote it, field by field, up to the one that is wrong.

Examples:
  $ backtrail dlq show opengradient.inferences.v1/0/1234
  $ backtrail dlq show payments/2/17 --json     with "value": {"base64", "hex"}, "fields", "wrong": {"field", "reason"}, "now"`;

const REDRIVE_HELP = `
A copy with the same key, value and headers is appended to the same partition; behind the headers of its producer it has
backtrail.redriven.id, .from, .by and .at. The event time is in the record, so it lands in its original window, and is known from when
the copy was appended. The dead letter stays one. The view redrives is the history.

A record is redriven once: it, or a copy of it that is dead again, is sent another time only with --again. With --code, --topic or
--all, what would be refused again is spared, as a run of dead letters stops a service; and so is always what has a schema that the
registry does not know, as its partition would wait for it. --force sends these, too.

Exit codes: 0 all are applied (or known already), 3 some are dead again or would be, 1 some are not applied in time.

Examples:
  $ backtrail dlq redrive inferences/0/1234
  $ backtrail dlq redrive --code SCHEMA_UNKNOWN --topic inferences --dry-run
  $ backtrail dlq redrive --all --by alice --json
      {"dry_run", "results": [{"id", "sending", "to", "fate", "code", "reason"}]}
      sending: sent, found (by a run that was cut off), before, spared, under_way, would_send
      fate:    applied, duplicate, dead, lost, pending`;
