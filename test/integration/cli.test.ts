import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrateAll } from '../../services/cli/stack-contents.js';
import { trailLine } from '../../services/cli/trail-file.js';
import { generateTraffic } from '../../services/demo/traffic.js';
import { dropDatabase } from '../../services/shared/clickhouse/migrate.js';
import { sleep } from '../../services/shared/clock.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import { createAdmin } from '../../services/shared/kafka/admin.js';
import { deleteTopics } from '../../services/shared/kafka/deploy-topics.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { serverEnv } from './servers.fixture.js';

/** The command as it is installed: built, in a process of its own. */
const bin = join(packageRoot(), 'bin', 'backtrail.js');
const name = `cli_${randomBytes(4).toString('hex')}`;
const folder = mkdtempSync(join(tmpdir(), 'backtrail-cli-'));
const trail = join(folder, 'trail.jsonl');
let env: Record<string, string>;
let config: Config;

beforeAll(() => {
  if (!existsSync(join(packageRoot(), 'dist'))) throw new Error('dist/ is missing: run `npm run build` first');
  env = {
    PATH: process.env['PATH'] ?? '',
    BACKTRAIL_HOME: folder,
    ...serverEnv(),
    CLICKHOUSE_DATABASE: name,
    TOPIC_PREFIX: `${name}.`,
  };
  config = loadConfig(env);
  const { records } = generateTraffic({ events: 1000, seed: 1, startMs: Date.UTC(2026, 2, 10) });
  writeFileSync(trail, records.map((record) => `${trailLine(record)}\n`).join(''));
});

afterAll(async () => {
  await Promise.all([deleteTopics(config.kafka, `${name}.`), dropDatabase(config.clickhouse)]);
  rmSync(folder, { recursive: true, force: true });
});

function start(args: readonly string[], more: Record<string, string> = {}) {
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const result = { out: '', err: '', code: -1 };
  child.stdout.on('data', (chunk: Buffer) => (result.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (result.err += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => ({ ...result, code: code as number }));
  return { child, ended };
}

function backtrail(...args: readonly string[]) {
  return start(args).ended;
}

describe('the installed command', () => {
  it('says its version and its commands on stdout', async () => {
    expect(await backtrail('--version')).toEqual({ out: '0.1.0\n', err: '', code: 0 });
    const { out, err, code } = await backtrail('--help');
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out).toContain(
      'Exit codes: 0 ok, 1 failure, 2 usage or bad input, 3 findings or mismatch, 130 interrupted.',
    );
  });

  it.each([
    [['frob'], "backtrail: unknown command 'frob' (--help shows how)\n"],
    [['ask', 'served'], "backtrail: missing required argument 'inference' (--help shows how)\n"],
    [['demo', '--events', '-5'], 'backtrail: --events is not a whole number of at least 1: -5\n'],
  ])('%j ends with 2 and one line on stderr', async (args, err) => {
    expect(await backtrail(...args)).toEqual({ out: '', err, code: 2 });
  });

  it('ends with 1 and what to do where nothing was migrated, then migrates, and again changes nothing', async () => {
    const early = await backtrail('ask', 'incidents');
    expect(early).toMatchObject({ out: '', code: 1 });
    expect(early.err).toMatch(/^backtrail: .*\n$/);
    const first = await backtrail('migrate', '--json');
    expect(first).toMatchObject({ err: '', code: 0 });
    expect((JSON.parse(first.out) as { topics: string[] }).topics).toContain(`${name}.opengradient.releases.v1`);
    expect(await backtrail('migrate')).toEqual({ out: '', err: 'Everything is there already.\n', code: 0 });
    expect(await backtrail('ask', 'incidents', '--json')).toEqual({ out: '[]\n', err: '', code: 0 });
  });

  it('prints no colours and no progress where nobody looks', async () => {
    const { out, err } = await backtrail('import', trail);
    expect(err).toBe('');
    expect(out).toMatch(/^topic +records +offsets by partition\n/);
    // eslint-disable-next-line no-control-regex -- an escape sequence is what must not be there
    expect(out).not.toMatch(/\u001b/);
  });

  it('ends with 130 when it is interrupted, and says nothing more', async () => {
    await migrateAll(config);
    const admin = await createAdmin(config.kafka);
    const appended = async (): Promise<bigint> => {
      const offsets = await admin.offsets(`${name}.opengradient.inferences.v1`);
      return offsets.reduce((sum, { high }) => sum + high, 0n);
    };
    try {
      const before = await appended();
      // No service reads these topics: it would wait for long.
      const { child, ended } = start(['import', trail, '--wait']);
      while ((await appended()) === before) await sleep(20);
      child.kill('SIGINT');
      expect(await ended).toEqual({ out: '', err: '', code: 130 });
    } finally {
      await admin.close();
    }
  });

  it('does not mind a reader that has seen enough', async () => {
    const { child, ended } = start(['--help']);
    child.stdout.destroy();
    expect(await ended).toMatchObject({ err: '', code: 0 });
  });
});
