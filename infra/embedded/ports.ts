import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import type { Env } from './home.js';
import { StackError } from './stack-error.js';

export const HOST = '127.0.0.1';

export type PartName = 'kafka' | 'registry' | 'clickhouse';

/** A number as given, 'auto' for any free one, undefined for the usual one. */
export type PortChoice = number | 'auto' | undefined;

export const DEFAULT_PORTS: Readonly<Record<PartName, number>> = { kafka: 9092, registry: 8081, clickhouse: 8123 };

const PART_TITLES: Readonly<Record<PartName, string>> = {
  kafka: 'Kafka',
  registry: 'the schema registry',
  clickhouse: 'ClickHouse',
};

/** Sets the part's address from outside: named where a taken port may be the very server that is wanted. */
const PART_VARIABLES: Readonly<Record<PartName, string>> = {
  kafka: 'KAFKA_BROKERS',
  registry: 'SCHEMA_REGISTRY_URL',
  clickhouse: 'CLICKHOUSE_URL',
};

// Below the range from which systems take the local ports of outgoing connections (32768 and up on Linux, 49152 elsewhere):
// a port chosen here is not snatched by a connection before the server opens it.
const AUTO_FROM = 20_000;
const AUTO_TO = 32_000;

export function parsePort(text: string, what: string): PortChoice {
  if (text === 'auto') return 'auto';
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new StackError(`${what}: "${text}" is no port. Give a number from 1 to 65535, or "auto".`, { exitCode: 2 });
  }
  return port;
}

export async function choosePort(part: PartName, choice: PortChoice, taken: ReadonlySet<number>): Promise<number> {
  if (choice === 'auto') return freePort(taken);
  const port = choice ?? DEFAULT_PORTS[part];
  if (taken.has(port) || !(await isFree(port))) throw new StackError(takenSentence(part, port));
  return port;
}

/** BACKTRAIL_KAFKA_PORT and so on: for commands that start a stack without being asked about ports. */
export function portFromEnv(part: PartName, env: Env): PortChoice {
  const variable = portVariable(part);
  const set = env[variable];
  return set === undefined || set === '' ? undefined : parsePort(set, variable);
}

function portVariable(part: PartName): string {
  return `BACKTRAIL_${part.toUpperCase()}_PORT`;
}

function takenSentence(part: PartName, port: number): string {
  return (
    `Port ${String(port)}, for ${PART_TITLES[part]}, is taken by another program. Stop that program; or choose another port ` +
    `with \`backtrail up --${part}-port N\` or ${portVariable(part)}; or let free ones be chosen with \`backtrail up ` +
    `--port auto\`; or, if it is the server you want to use, name it in ${PART_VARIABLES[part]}.`
  );
}

export async function freePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(AUTO_FROM, AUTO_TO);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new StackError(
    `No free port was found between ${String(AUTO_FROM)} and ${String(AUTO_TO)}. Choose the ports yourself with --kafka-port, --registry-port, --clickhouse-port.`,
  );
}

export async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ port, host: HOST, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
