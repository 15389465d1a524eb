import type { Command } from 'commander';
import type { CliContext } from './context.js';

/** `backtrail config check` (SPEC 11). */
export function registerConfig(program: Command, context: CliContext): void {
  const config = program.command('config').description('the configuration that commands and services use');
  config.addHelpText('after', EXAMPLES);
  config
    .command('check')
    .description('read all environment variables and report every problem together; exit 2 if there is one')
    .option('--json', '{"ok", "problems", "config"}; passwords are left out')
    .addHelpText('after', EXAMPLES)
    .action(async (options: { json?: true }) => {
      const { checkConfig } = await import('./config-check.js');
      checkConfig(options, context);
    });
}

const EXAMPLES = `
Where KAFKA_BROKERS, SCHEMA_REGISTRY_URL or CLICKHOUSE_URL is not set, the embedded stack is used if it runs.

Examples:
  $ backtrail config check
  $ KAFKA_BROKERS=broker:9092 backtrail config check --json`;
