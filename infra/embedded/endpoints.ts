import type { Env } from './home.js';
import { isAlive } from './identity.js';
import { HOST, type PartName } from './ports.js';
import type { StackFile } from './stack-file.js';

/** Where one of the three servers is, and whether it is ours. */
export interface Endpoint {
  /** What goes into the environment variable: `host:port,...` for Kafka, a URL for the others. */
  address: string;
  source: 'external' | 'embedded';
}

export type Endpoints = Readonly<Record<PartName, Endpoint>>;

export const PARTS: readonly PartName[] = ['kafka', 'registry', 'clickhouse'];

export const ENDPOINT_VARIABLES: Readonly<Record<PartName, string>> = {
  kafka: 'KAFKA_BROKERS',
  registry: 'SCHEMA_REGISTRY_URL',
  clickhouse: 'CLICKHOUSE_URL',
};

export function embeddedAddress(part: PartName, port: number): string {
  if (part === 'kafka') return `${HOST}:${String(port)}`;
  const base = `http://${HOST}:${String(port)}`;
  return part === 'registry' ? `${base}/apis/ccompat/v7` : base;
}

/** The servers named in the environment: they always go before embedded ones. */
export function externalEndpoints(env: Env): Partial<Endpoints> {
  const found: Partial<Record<PartName, Endpoint>> = {};
  for (const part of PARTS) {
    const address = env[ENDPOINT_VARIABLES[part]]?.trim();
    if (address !== undefined && address !== '') found[part] = { address, source: 'external' };
  }
  return found;
}

/**
 * Where everything is: named in the environment, else of the embedded stack that was started; null for neither.
 * A variable that names our own running server (as `up` prints it) does not make that server somebody else's.
 */
export function mergeEndpoints(env: Env, stack: StackFile | null): Record<PartName, Endpoint | null> {
  const external = externalEndpoints(env);
  // What just died is on its way back.
  const supervised = isAlive(stack?.supervisor ?? null);
  const find = (part: PartName): Endpoint | null => {
    const record = stack?.processes.find((process) => process.kind === 'part' && process.name === part);
    const named = external[part];
    if (record === undefined || !(supervised || isAlive(record.identity))) return named ?? null;
    if (named !== undefined && !isSameServer(named.address, record.address)) return named;
    return { address: record.address, source: 'embedded' };
  };
  return { kafka: find('kafka'), registry: find('registry'), clickhouse: find('clickhouse') };
}

/** Same host and port, however the address is written. */
export function isSameServer(a: string, b: string): boolean {
  const plain = (address: string): string =>
    address
      .replace(/^https?:\/\//, '')
      .replace(/\/.*$/, '')
      .replace(/^localhost:/, `${HOST}:`);
  return plain(a) === plain(b);
}

/** The environment in which any part of Backtrail finds these servers. */
export function endpointEnv(endpoints: Endpoints): Record<string, string> {
  return Object.fromEntries(PARTS.map((part) => [ENDPOINT_VARIABLES[part], endpoints[part].address]));
}
