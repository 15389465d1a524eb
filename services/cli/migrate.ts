import type { Command } from 'commander';
import { printJson, say, type CliContext } from './context.js';

/** `backtrail migrate`: what deployments run before the services. */
export function registerMigrate(program: Command, context: CliContext): void {
  program
    .command('migrate')
    .description('create topics, subjects and tables that are missing; changes nothing that is there')
    .option('--json', 'what was created, as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (options: { json?: true }) => {
      const { configWithStack } = await import('./stack-config.js');
      const { migrateAll } = await import('./stack-contents.js');
      const migrated = await migrateAll(await configWithStack(context));
      if (options.json) printJson(context, migrated);
      else {
        for (const topic of migrated.topics) context.stdout.write(`topic ${topic}\n`);
        for (const name of migrated.migrations) context.stdout.write(`migration ${name}\n`);
        const created = migrated.topics.length + migrated.migrations.length;
        say(context, created === 0 ? 'Everything is there already.' : `Created ${created}.`);
      }
    });
}

const EXAMPLES = `
Examples:
  $ backtrail migrate
  $ KAFKA_BROKERS=broker:9092 SCHEMA_REGISTRY_URL=http://registry:8081 CLICKHOUSE_URL=http://clickhouse:8123 backtrail migrate`;
