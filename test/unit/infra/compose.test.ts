import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SERVICES } from '../../../services/cli/stack-contents.js';
import { loadConfig } from '../../../services/shared/config.js';
import { packageRoot } from '../../../services/shared/package-root.js';

interface ComposeService {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

const text = readFileSync(join(packageRoot(), 'docker-compose.yml'), 'utf8');
const { services } = parse(text, { merge: true }) as { services: Record<string, ComposeService> };

describe('docker-compose.yml', () => {
  it('runs every service there is', () => {
    const ours = Object.entries(services).flatMap(([name, { command }]) => (command?.[0] === 'service' ? [name] : []));
    expect(ours).toEqual([...SERVICES]);
    for (const name of SERVICES) expect(services[name]?.command).toEqual(['service', name]);
  });

  it('gives them a configuration without problems', () => {
    const config = loadConfig(services['inference']?.environment ?? {});
    expect(config.host).toBe('0.0.0.0'); // Inside the network only: no port of a service is published.
    expect(config.clickhouse.user).toBe(services['clickhouse']?.environment?.['CLICKHOUSE_USER']);
    expect(config.clickhouse.password).toBe(services['clickhouse']?.environment?.['CLICKHOUSE_PASSWORD']);
  });

  it('publishes ports on this machine only', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(0);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('checks the health of everything that stays, and waits for it', () => {
    for (const [name, service] of Object.entries(services)) {
      if (name === 'migrate') continue;
      expect(service.healthcheck?.test, name).toBeDefined();
    }
    expect(services['inference']?.depends_on).toEqual({ migrate: { condition: 'service_completed_successfully' } });
    expect(Object.values(services['migrate']?.depends_on ?? {})).toEqual(
      Array(3).fill({ condition: 'service_healthy' }),
    );
  });
});
