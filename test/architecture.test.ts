import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * The rules of the house, in words:
 *
 *  1. The core is pure: it imports nothing but itself and generated types.
 *  2. kafkajs and the registry client are imported in services/shared/kafka only; avsc there, in schemas, and where files are
 *     written for the archive. AWS's library is imported in the archive's store only.
 *  3. @clickhouse/client is imported in services/shared/clickhouse only; chdb in infra/embedded/clickhouse only.
 *  4. Services never import each other: only themselves, services/shared, schemas; the command line, scenario runs
 *     and the embedded stack compose them.
 *  5. services/shared imports no service.
 *  6. process.env appears in main files only.
 *  7. Only clock.ts reads the time.
 *  8. The runtime loop knows interfaces only: no kafkajs, no ClickHouse client.
 *  9. No barrels (index.ts) and no files that say nothing (utils, helpers, manager, common).
 */
/** Static, side-effect and dynamic imports, and require. */
const IMPORT = /(?:\bfrom\s+|\bimport\s*\(?\s*|\brequire(?:\.resolve)?\(\s*)'([^']+)'/g;

const root = resolve(import.meta.dirname, '..');
const files = ['services', 'schemas', 'infra'].flatMap((folder) => sources(join(root, folder)));
const SERVICES = ['release', 'inference', 'proof', 'agent', 'payment', 'window', 'alert'];

interface Source {
  readonly path: string;
  readonly text: string;
  /** Package names, or paths below the root. */
  readonly imports: readonly string[];
}

function sources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const text = readFileSync(file, 'utf8');
      const imports = [...text.matchAll(IMPORT)].map(([, specifier = '']) =>
        specifier.startsWith('.') ? relative(root, resolve(dirname(file), specifier)) : specifier,
      );
      return { path: relative(root, file), text, imports };
    });
}

function importers(packageName: string): string[] {
  return files
    .filter(({ imports }) => imports.some((name) => name === packageName || name.startsWith(`${packageName}/`)))
    .map(({ path }) => path);
}

function outside(paths: readonly string[], ...folders: readonly string[]): string[] {
  return paths.filter((path) => !folders.some((folder) => path.startsWith(folder)));
}

describe('the house', () => {
  it('has sources to look at', () => {
    expect(files.length).toBeGreaterThan(50);
  });

  it('keeps the core pure', () => {
    const impure = files
      .filter(({ path }) => path.startsWith('services/shared/core/'))
      .flatMap(({ path, imports }) =>
        imports
          .filter((name) => !name.startsWith('services/shared/core/') && name !== 'schemas/types.generated.js')
          .map((name) => `${path} imports ${name}`),
      );
    expect(impure).toEqual([]);
  });

  it.each([
    ['kafkajs', ['services/shared/kafka/']],
    ['@kafkajs/confluent-schema-registry', ['services/shared/kafka/']],
    ['avsc', ['services/shared/kafka/', 'schemas/', 'services/archive/container.ts']],
    ['@aws-sdk/client-s3', ['services/archive/s3-store.ts']],
    ['@clickhouse/client', ['services/shared/clickhouse/']],
    ['chdb', ['infra/embedded/clickhouse/']],
    ['prom-client', ['services/shared/metrics.ts']],
    ['pino', ['services/shared/log.ts']],
  ])('imports %s in one place', (packageName, folders) => {
    expect(importers(packageName).length).toBeGreaterThan(0);
    expect(outside(importers(packageName), ...folders)).toEqual([]);
  });

  it('loads the library of AWS only where a bucket is named', () => {
    const store = 'services/archive/s3-store.js';
    const opener = files.filter(({ imports }) => imports.includes(store));
    expect(opener.map(({ path }) => path)).toEqual(['services/archive/open-store.ts']);
    expect(opener[0]?.text).toContain("await import('./s3-store.js')");
  });

  it('keeps services apart', () => {
    const strangers = files.flatMap(({ path, imports }) => {
      const service = SERVICES.find((name) => path.startsWith(`services/${name}/`));
      if (service === undefined) return [];
      return imports
        .filter((name) => name.startsWith('services/') || name.startsWith('infra/'))
        .filter((name) => !name.startsWith(`services/${service}/`) && !name.startsWith('services/shared/'))
        .map((name) => `${path} imports ${name}`);
    });
    expect(strangers).toEqual([]);
  });

  it('keeps shared code free of services', () => {
    const upward = files
      .filter(({ path }) => path.startsWith('services/shared/'))
      .flatMap(({ path, imports }) =>
        imports
          .filter((name) => /^(services|infra)\//.test(name) && !name.startsWith('services/shared/'))
          .map((name) => `${path} imports ${name}`),
      );
    expect(upward).toEqual([]);
  });

  it('reads the environment in main files only', () => {
    const readers = files.filter(({ text }) => text.includes('process.env')).map(({ path }) => path);
    expect(readers.filter((path) => !/(^|\/|-)main\.ts$/.test(path))).toEqual([]);
  });

  it('reads the time in clock.ts only', () => {
    const readers = files
      .filter(({ text }) => /\bDate\.now\(|new Date\(\)|performance\.now\(|process\.hrtime/.test(text))
      .map(({ path }) => path);
    expect(readers).toEqual(['services/shared/clock.ts']);
  });

  it('lets the loop know interfaces only', () => {
    const known = files
      .filter(({ path }) => path === 'services/shared/runtime/loop.ts')
      .flatMap(({ imports }) => imports.filter((name) => /shared\/(kafka|clickhouse)\//.test(name)));
    expect(known).toEqual([]);
  });

  it('has no barrels and no names that say nothing', () => {
    const named = files
      .map(({ path }) => path)
      .filter((path) => /(^|\/)(index|utils?|helpers?|manager|common)[./]/.test(path));
    expect(named).toEqual([]);
  });
});
