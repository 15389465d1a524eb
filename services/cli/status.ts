import type { Command } from 'commander';
import { stackHome } from '../../infra/embedded/home.js';
import type { PartStatus, StackStatus } from '../../infra/embedded/status.js';
import { type CliContext, printJson, say } from './context.js';
import { EXIT } from './exit.js';
import { tableLines } from './table.js';

export function registerStatus(program: Command, context: CliContext): void {
  program
    .command('status')
    .description(
      'where Kafka, the registry, ClickHouse and the services are, and whether they answer; exits 1 unless all do',
    )
    .option('--dir <folder>', 'the folder given to `up` (BACKTRAIL_HOME; default: .backtrail)')
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (options: { dir?: string; json?: boolean }) => {
      const { stackStatus } = await import('../../infra/embedded/status.js');
      const status = await stackStatus(stackHome(context.env, options.dir), context.env);
      if (options.json === true) printJson(context, statusJson(status));
      else for (const line of statusLines(status)) context.stdout.write(`${line}\n`);
      const sentence = trouble(status);
      if (sentence !== null) say(context, sentence);
      if (!status.allReady) context.endWith(EXIT.failure);
    });
}

const EXAMPLES = `
Examples:
  $ backtrail status
  $ backtrail status --json     {"kafka": {"brokers", "state"}, "registry": {"url", "state"}, "clickhouse": ...}`;

/** The shape that scripts rely on. `brokers` and `url` can be used as KAFKA_BROKERS, SCHEMA_REGISTRY_URL, CLICKHOUSE_URL. */
export function statusJson(status: StackStatus): unknown {
  const { kafka, registry, clickhouse } = status.parts;
  const rest = (part: PartStatus): Omit<PartStatus, 'address'> => {
    const { state, source, pid, restarts, reason } = part;
    return { state, source, pid, restarts, reason };
  };
  return {
    kafka: { brokers: kafka.address, ...rest(kafka) },
    registry: { url: registry.address, ...rest(registry) },
    clickhouse: { url: clickhouse.address, ...rest(clickhouse) },
    services: status.services,
    supervised: status.supervised,
    ready: status.allReady,
  };
}

export function statusLines(status: StackStatus): string[] {
  const parts = Object.entries(status.parts).map(([name, part]) => [
    name,
    part.address ?? '-',
    part.state,
    part.source === 'external' ? 'external' : String(part.pid ?? '-'),
    String(part.restarts),
    part.reason ?? '',
  ]);
  const services = status.services.map(({ name, url, state, pid, restarts, reason }) => [
    name,
    url,
    state,
    String(pid ?? '-'),
    String(restarts),
    reason ?? '',
  ]);
  const columns = ['name', 'address', 'state', 'pid', 'restarts', 'last end'].map((title) => ({ title }));
  return tableLines(columns, [...parts, ...services]);
}

function trouble(status: StackStatus): string | null {
  if (status.allReady) return null;
  const nothing = Object.values(status.parts).every(({ address }) => address === null);
  if (nothing) return 'No stack runs here. `backtrail up` starts one.';
  if (!status.supervised && Object.values(status.parts).some(({ source }) => source === 'embedded')) {
    return 'Nobody watches over this stack any more. `backtrail up` repairs it.';
  }
  return 'Not everything is ready. `backtrail up` waits for what is on its way and starts again what was given up.';
}
