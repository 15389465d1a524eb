import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';

import { Watch } from '../../services/alert/watch.js';
import { exitCodeOf } from '../../services/cli/exit.js';
import { runProgram } from '../../services/cli/program.js';
import type { Digest } from '../../services/replay/digests.js';
import type { Manifest } from '../../services/replay/manifest.js';
import { isSettled, readHorizon } from '../../services/shared/clickhouse/horizon.js';
import { dropDatabase } from '../../services/shared/clickhouse/migrate.js';
import { trailSettings } from '../../services/shared/config.js';
import { correlate } from '../../services/window/correlate.js';
import { waitUntil, type TestNetwork } from './services.fixture.js';

/** What `backtrail replay` prints. */
export interface Report {
  readonly run: string;
  readonly database: string;
  readonly manifest: Manifest;
  readonly reads: { readonly records: number; readonly of: number; readonly whole: readonly string[] };
  readonly digests: readonly Digest[];
}

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

type Env = Readonly<Record<string, string>>;

/** The command line in this process. */
export async function runCommand(
  args: readonly string[],
  env: Env,
  signal = new AbortController().signal,
): Promise<Said> {
  let [out, err, code] = ['', '', 0];
  const context = {
    env,
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    signal,
    endWith: (given: number) => {
      code = given;
    },
  };
  try {
    await runProgram(args, context);
  } catch (error) {
    [code, err] = [exitCodeOf(error), (error as Error).message];
  }
  return { code, out, err };
}

/** Replays of one network, and what they leave behind. */
export class Replays {
  readonly #databases = new Set<string>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'replay-'));

  constructor(
    private readonly network: TestNetwork,
    private readonly env: Env = network.env,
  ) {}

  run(args: readonly string[], env: Env = {}, signal?: AbortSignal): Promise<Said> {
    return runCommand(args, { ...this.env, ...env }, signal);
  }

  /** A replay that ends well, and its report. */
  async replay(args: readonly string[], env: Env = {}): Promise<Report> {
    const { code, out, err } = await this.run(['replay', ...args], env);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const report = JSON.parse(out) as Report;
    this.willDrop(report.database);
    return report;
  }

  willDrop(database: string): void {
    this.#databases.add(database);
  }

  /** A file that holds a report or manifest. */
  file(contents: object): string {
    const file = join(this.#folder, 'manifest.json');
    writeFileSync(file, JSON.stringify(contents));
    return file;
  }

  async close(): Promise<void> {
    for (const database of this.#databases) await dropDatabase({ ...this.network.config.clickhouse, database });
    rmSync(this.#folder, { recursive: true });
  }
}

/** Everything that was sent is applied and complete, and windows and alerts are written. */
export async function correlated(network: TestNetwork): Promise<void> {
  await waitUntil('everything is complete', async () => isSettled(await readHorizon(network.database)));
  await correlate(network.database, { afterMs: 0, settings: trailSettings(network.config) });
  const found = new Watch(network.database).pass(new AbortController().signal);
  while ((await found.next()).done !== true);
}
