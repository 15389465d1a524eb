import type { Command } from 'commander';
import type { Endpoints } from '../../infra/embedded/endpoints.js';
import { stackHome } from '../../infra/embedded/home.js';
import { parsePort, type PartName, type PortChoice } from '../../infra/embedded/ports.js';
import type { ServiceSpec } from '../../infra/embedded/stack-file.js';
import { type CliContext, printJson, say } from './context.js';
import { EXIT, usageError } from './exit.js';

/** What the stack is filled with: decided where the services are known, not where processes are kept alive. */
export interface StackContents {
  /** Creates topics, subjects and tables. Runs at every `up`, so it must not mind that they are there. */
  migrate: (endpoints: Endpoints) => Promise<void>;
  services: readonly ServiceSpec[];
}

export interface PortOptions {
  port?: string;
  kafkaPort?: string;
  registryPort?: string;
  clickhousePort?: string;
}

interface UpOptions extends PortOptions {
  dir?: string;
  services: boolean;
  json?: boolean;
}

export function registerUp(program: Command, context: CliContext, contents: StackContents): void {
  program
    .command('up')
    .description(
      'start Kafka, a schema registry, ClickHouse and the services on this machine, and wait until they are ready',
    )
    .option('--dir <folder>', 'where the stack keeps its data and logs (BACKTRAIL_HOME; default: .backtrail)')
    .option('--port <auto>', '"auto" lets free ports be chosen for all that have none given')
    .option('--kafka-port <port>', 'a number or "auto" (BACKTRAIL_KAFKA_PORT; default: 9092)')
    .option('--registry-port <port>', 'a number or "auto" (BACKTRAIL_REGISTRY_PORT; default: 8081)')
    .option('--clickhouse-port <port>', 'a number or "auto" (BACKTRAIL_CLICKHOUSE_PORT; default: 8123)')
    .option('--no-services', 'only the three servers, without the services of Backtrail')
    .option('--json', 'print what `status --json` prints')
    .addHelpText('after', EXAMPLES)
    .action(async (options: UpOptions) => {
      await up(context, contents, options);
    });
}

const EXAMPLES = `
Examples:
  $ backtrail up                                   on the usual ports
  $ backtrail up --port auto --dir /tmp/second     another stack beside it
  $ KAFKA_BROKERS=broker:9092 backtrail up         with a Kafka that is there already; likewise SCHEMA_REGISTRY_URL, CLICKHOUSE_URL`;

async function up(context: CliContext, contents: StackContents, options: UpOptions): Promise<void> {
  const { startStack } = await import('../../infra/embedded/start.js');
  const { stackStatus } = await import('../../infra/embedded/status.js');
  const { statusJson, statusLines } = await import('./status.js');
  const home = stackHome(context.env, options.dir);
  const { started, tookMs } = await startStack({
    home,
    env: context.env,
    ports: portChoices(options),
    services: options.services ? contents.services : [],
    migrate: contents.migrate,
    say: (line) => {
      say(context, line);
    },
    signal: context.signal,
  });
  const status = await stackStatus(home, context.env);
  if (options.json === true) printJson(context, statusJson(status));
  else for (const line of statusLines(status)) context.stdout.write(`${line}\n`);
  say(context, upSentence(started, tookMs, home.logs));
  if (!status.allReady) context.endWith(EXIT.failure);
}

export function upSentence(started: readonly string[], tookMs: number, logs: string): string {
  if (started.length === 0) return 'Already running; nothing had to be started.';
  return `Started ${started.join(', ')} in ${(tookMs / 1000).toFixed(1)} s. Logs: ${logs}. \`backtrail down\` stops it.`;
}

export function portChoices(options: PortOptions): Partial<Record<PartName, PortChoice>> {
  const all = options.port === undefined ? undefined : parsePort(options.port, '--port');
  if (typeof all === 'number') {
    throw usageError('--port takes only "auto", as three servers cannot share one port. Use --kafka-port N and so on.');
  }
  const choose = (part: PartName, option: string | undefined): PortChoice =>
    option === undefined ? all : parsePort(option, `--${part}-port`);
  return {
    kafka: choose('kafka', options.kafkaPort),
    registry: choose('registry', options.registryPort),
    clickhouse: choose('clickhouse', options.clickhousePort),
  };
}
