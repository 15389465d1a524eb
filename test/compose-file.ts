import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { PARTS } from '../infra/embedded/endpoints.js';
import { HOST, type PartName } from '../infra/embedded/ports.js';
import { packageRoot } from '../services/shared/package-root.js';

/** What docker-compose.yml says of its servers, for tests that use them from this machine. */

export const COMPOSE_FILE = 'docker-compose.yml';

export type Ports = Readonly<Record<PartName, number>>;

export type ComposeServices = Readonly<Record<string, ComposeService>>;

interface ComposeService {
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface HostEnvironment extends Record<string, string> {
  readonly KAFKA_BROKERS: string;
  readonly SCHEMA_REGISTRY_URL: string;
  readonly CLICKHOUSE_URL: string;
  readonly CLICKHOUSE_USER: string;
  readonly CLICKHOUSE_PASSWORD: string;
}

export function composeServices(): ComposeServices {
  const text = readFileSync(join(packageRoot(), COMPOSE_FILE), 'utf8');
  return (parse(text, { merge: true }) as { services: Record<string, ComposeService> }).services;
}

/** The variables by which docker-compose.yml publishes its servers on other ports. */
export function portVariables(ports: Ports): Record<string, string> {
  return Object.fromEntries(PARTS.map((part) => [`BACKTRAIL_${part.toUpperCase()}_PORT`, String(ports[part])]));
}

/** What the services of docker-compose.yml are told, with the addresses as they are seen from this machine. */
export function hostEnvironment(services: ComposeServices, ports: Ports): HostEnvironment {
  const inside = services['migrate']?.environment ?? {};
  const value = (name: string): string => {
    const found = inside[name];
    if (found === undefined) throw new Error(`${COMPOSE_FILE} does not set ${name} of the services`);
    return found;
  };
  const outside = (name: string, port: number): string => {
    const url = new URL(value(name));
    url.host = `${HOST}:${port}`;
    return url.href.replace(/\/$/, '');
  };
  return {
    KAFKA_BROKERS: `${HOST}:${ports.kafka}`,
    SCHEMA_REGISTRY_URL: outside('SCHEMA_REGISTRY_URL', ports.registry),
    CLICKHOUSE_URL: outside('CLICKHOUSE_URL', ports.clickhouse),
    CLICKHOUSE_USER: value('CLICKHOUSE_USER'),
    CLICKHOUSE_PASSWORD: value('CLICKHOUSE_PASSWORD'),
  };
}
