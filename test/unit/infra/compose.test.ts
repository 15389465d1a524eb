import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DEFAULT_PORTS, type PartName } from '../../../infra/embedded/ports.js';
import { SERVICES } from '../../../services/cli/stack-contents.js';
import { loadConfig } from '../../../services/shared/config.js';
import { packageRoot } from '../../../services/shared/package-root.js';

interface ComposeService {
  readonly image?: string;
  readonly build?: object;
  readonly volumes?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

const text = readFileSync(join(packageRoot(), 'docker-compose.yml'), 'utf8');
const { services, volumes } = parse(text, { merge: true }) as {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
};

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

  it('builds one image, once', () => {
    const builders = Object.entries(services).flatMap(([name, { build }]) => (build === undefined ? [] : [name]));
    expect(builders).toEqual(['migrate']);
    for (const name of SERVICES) expect(services[name]?.image).toBe(services['migrate']?.image);
  });

  it('keeps data in volumes, each mounted where the program writes', () => {
    const written = {
      kafka: services['kafka']?.environment?.['KAFKA_LOG_DIRS'],
      registry: services['registry']?.environment?.['APICURIO_DATASOURCE_URL']?.replace('jdbc:h2:file:', ''),
      clickhouse: '/var/lib/clickhouse', // The image's own setting.
    };
    expect(Object.keys(volumes)).toEqual(Object.keys(written));
    for (const [name, path] of Object.entries(written)) {
      const [volume, mount] = services[name]?.volumes?.[0]?.split(':') ?? [];
      expect(volume).toBe(name);
      expect(`${path ?? ''}/`.startsWith(`${mount ?? 'nowhere'}/`), name).toBe(true);
    }
  });

  it('publishes the usual ports unless variables choose others, which Kafka then advertises', () => {
    const published = Object.fromEntries(
      Object.entries(DEFAULT_PORTS).map(([name]) => [name, services[name]?.ports?.[0]?.replace(/:\d+$/, '')]),
    );
    const variable = (name: PartName) => `\${BACKTRAIL_${name.toUpperCase()}_PORT:-${DEFAULT_PORTS[name]}}`;
    expect(published).toEqual({
      kafka: `127.0.0.1:${variable('kafka')}`,
      registry: `127.0.0.1:${variable('registry')}`,
      clickhouse: `127.0.0.1:${variable('clickhouse')}`,
    });
    expect(services['kafka']?.environment?.['KAFKA_ADVERTISED_LISTENERS']).toContain(
      `HOST://127.0.0.1:${variable('kafka')}`,
    );
    // The check runs in the container, where what HOST advertises is nobody's port.
    expect(services['kafka']?.healthcheck?.test).toContain('kafka:19092');
  });

  it('asks ClickHouse by its name: while a first start prepares, it answers on 127.0.0.1 only, to nobody else', () => {
    const test = services['clickhouse']?.healthcheck?.test ?? [];
    expect(test[test.indexOf('--host') + 1]).toBe('clickhouse');
  });
});

describe('infra/Dockerfile', () => {
  it('leaves out chDB alone: the native parts of snappy and lz4 are optional packages too', () => {
    const dockerfile = readFileSync(join(packageRoot(), 'infra', 'Dockerfile'), 'utf8');
    const runs = dockerfile.split('\n').filter((line) => line.startsWith('RUN '));
    expect(runs.join('\n')).toContain('npm uninstall chdb');
    expect(runs.join('\n')).not.toContain('--omit=optional');
  });
});
