import { Option, type Command } from 'commander';
import type { CliContext } from './context.js';

export interface ListOptions {
  readonly follow?: true;
  readonly model?: string;
  readonly state?: string;
  readonly kind?: string;
  readonly known?: string;
  readonly json?: true;
}

export interface HandleOptions {
  readonly why: string;
  readonly by?: string;
  readonly json?: true;
}

export interface SilenceOptions extends HandleOptions {
  readonly model: string;
  readonly release?: string;
  readonly kind?: string;
  readonly severity?: string;
  readonly for: string;
}

export interface SilencesOptions {
  readonly all?: true;
  readonly json?: true;
}

const KINDS = ['SETTLED_ON_FLAGGED', 'FLAGGED_REACTIVATED', 'STALE_SERVING'];

/** `backtrail alerts`: what fires, as it comes, and what people do about it (SPEC 7). */
export function registerAlerts(program: Command, context: CliContext): void {
  const alerts = program
    .command('alerts')
    .description('what fires and what fired; take alerts on, silence their delivery')
    // Options of a subcommand have the same names.
    .enablePositionalOptions()
    .option('--model <id>', 'of this model')
    .addOption(new Option('--state <state>', 'in this state').choices(['firing', 'resolved']))
    .addOption(kindOption())
    .option('--known <time>', 'as known at this time (default: everything the log has)')
    .option('--follow', 'print what comes, one state a line, until Ctrl-C')
    .option('--json', 'as one JSON array; with --follow one object a line')
    .addHelpText('after', EXAMPLES)
    .action(async (options: ListOptions) => {
      if (options.follow) await (await import('./alerts-follow.js')).followAlerts(options, context);
      else await (await import('./alerts-list.js')).listAlerts(options, context);
    });
  registerShow(alerts, context);
  registerAcks(alerts, context);
  registerSilences(alerts, context);
}

function registerShow(alerts: Command, context: CliContext): void {
  alerts
    .command('show')
    .description('one alert: all its states, who was told, who took it on')
    .argument('<id>', 'alert id, or its beginning')
    .option('--json', 'as one JSON object')
    .addHelpText('after', '\nExample:\n  $ backtrail alerts show 3f9a1c')
    .action(async (id: string, options: { json?: true }) => {
      await (await import('./alerts-show.js')).showAlert(id, options, context);
    });
}

function registerAcks(alerts: Command, context: CliContext): void {
  const said = {
    ack: 'take alerts on: they are not told again while they fire; kept as history',
    unack: 'give alerts back; kept as history',
  };
  for (const action of ['ack', 'unack'] as const) {
    alerts
      .command(action)
      .description(said[action])
      .argument('<ids...>', 'alert ids, or their beginnings')
      .requiredOption('--why <text>', 'what you know about it')
      .option('--by <who>', 'who says so (default: the user)')
      .option('--json', 'as one JSON array')
      .addHelpText('after', `\nExample:\n  $ backtrail alerts ${action} 3f9a1c 77b0d2 --why 'refunded by hand'`)
      .action(async (ids: string[], options: HandleOptions) => {
        await (await import('./alerts-handle.js')).ackAlerts(action, ids, { options, context });
      });
  }
}

function registerSilences(alerts: Command, context: CliContext): void {
  alerts
    .command('silence')
    .description('hold back notifications of alerts, not the alerts; what still fires is told when the silence ends')
    .requiredOption('--model <id>', 'alerts of this model')
    .option('--release <name>', 'only of this release')
    .addOption(kindOption())
    .option('--severity <text>', 'only of this severity')
    .requiredOption('--for <duration>', 'how long: 30m, 2h, 1d')
    .requiredOption('--why <text>', 'why')
    .option('--by <who>', 'who says so (default: the user)')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      "\nExample:\n  $ backtrail alerts silence --model MODEL --release v2 --for 2h --why 'being refunded'",
    )
    .action(async (options: SilenceOptions) => {
      await (await import('./alerts-handle.js')).silence(options, context);
    });
  alerts
    .command('silences')
    .description('silences that hold')
    .option('--all', 'those that have ended too')
    .option('--json', 'as one JSON array')
    .addHelpText('after', '\nExample:\n  $ backtrail alerts silences --all --json')
    .action(async (options: SilencesOptions) => {
      await (await import('./alerts-list.js')).listSilences(options, context);
    });
  alerts
    .command('unsilence')
    .description('end a silence before its time; kept as history')
    .argument('<id>', 'silence id, or its beginning')
    .requiredOption('--why <text>', 'why')
    .option('--by <who>', 'who says so (default: the user)')
    .option('--json', 'as one JSON object')
    .addHelpText('after', "\nExample:\n  $ backtrail alerts unsilence 5d2e --why 'done'")
    .action(async (id: string, options: HandleOptions) => {
      await (await import('./alerts-handle.js')).unsilence(id, options, context);
    });
}

function kindOption(): Option {
  return new Option('--kind <kind>', 'of this kind').choices(KINDS);
}

const EXAMPLES = `
Examples:
  $ backtrail alerts --state firing
  $ backtrail alerts --model MODEL --known 2026-03-10T11:00:00Z --json
  $ backtrail alerts --follow --kind SETTLED_ON_FLAGGED
  $ backtrail alerts ack 3f9a1c --why 'refunded by hand'
  $ backtrail alerts silence --model MODEL --for 2h --why 'being refunded'

Ids may be shortened as long as one alert begins so. Nothing here changes an alert or is ever deleted: who took what on, and
who silenced what, stays in the views alert_handlings and alert_silences.`;
