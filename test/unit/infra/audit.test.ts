import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

import { readAudit } from '../../../infra/audit.js';
import { packageRoot } from '../../../services/shared/package-root.js';

const folder = mkdtempSync(join(tmpdir(), 'backtrail-audit-'));
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Runs what `npm run audit` runs, with a registry that knows these advisories, or none of the question. */
async function audit(advisories: object | null): Promise<{ code: number; said: string }> {
  const server = createServer((request, response) => {
    request.resume();
    const asked = request.method === 'POST' && request.url?.endsWith('/advisories/bulk') === true;
    if (advisories === null || !asked) response.writeHead(asked ? 405 : 404).end('{}');
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(advisories));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const registry = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
  const tsx = join(packageRoot(), 'node_modules', '.bin', 'tsx');
  return new Promise((resolve) => {
    // A cache of its own: npm remembers what a registry said.
    const env = { ...process.env, npm_config_registry: registry, npm_config_cache: mkdtempSync(join(folder, 'npm-')) };
    execFile(tsx, ['infra/audit.ts'], { cwd: packageRoot(), env }, (error, _stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), said: stderr });
    });
  });
}

function advisory(severity: string): object {
  const cvss = { score: 0, vectorString: null };
  return {
    id: 1,
    url: 'https://advisories/1',
    title: 'Anybody can',
    severity,
    vulnerable_versions: '*',
    cwe: [],
    cvss,
  };
}

describe('npm run audit', () => {
  it('fails for a known vulnerability that is high, and names it', async () => {
    const { code, said } = await audit({ pino: [advisory('high')] });
    expect(said).toContain('pino: high (Anybody can, https://advisories/1)');
    expect(code).toBe(1);
  });

  it('does not fail for a lesser one', async () => {
    const { code, said } = await audit({ pino: [advisory('moderate')] });
    expect(said).toContain('No known vulnerability that is high or critical; 1 lesser');
    expect(code).toBe(0);
  });

  it('says so, and does not fail, where the registry is a mirror without this question', async () => {
    const { code, said } = await audit(null);
    expect(said).toMatch(/^Not audited: the registry does not say \(405 Method Not Allowed/);
    expect(code).toBe(0);
  });

  it('says so where npm says nothing', () => {
    expect(readAudit('')).toMatchObject({ outcome: 'unknown' });
  });
});
