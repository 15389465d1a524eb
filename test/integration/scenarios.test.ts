import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as core from '../../services/scenario/core-engine.js';
import { readScenarios } from '../../services/scenario/read.js';
import type { Outcome } from '../../services/scenario/scenario.js';
import { runServices } from '../../services/scenario/services.js';
import * as stack from '../../services/scenario/stack-engine.js';
import { loadConfig } from '../../services/shared/config.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { serverEnv } from './servers.fixture.js';

const folder = join(packageRoot(), 'test', 'scenarios');
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .sort()
  .map((file) => join(folder, file));

describe('stories on the real stack', () => {
  it('have the answers that they expect, and in every field those of the pure core', { timeout: 900_000 }, async () => {
    const config = loadConfig({
      ...serverEnv(),
    });
    const scenarios = await readScenarios(files);
    const expected: Outcome[] = [];
    for await (const outcome of core.outcomesOf(scenarios)) expected.push(outcome);
    const actual: Outcome[] = [];
    const run = { config, runServices, signal: new AbortController().signal };
    for await (const outcome of stack.outcomesOf(scenarios, run)) actual.push(outcome);

    expect(files.length).toBeGreaterThan(20);
    expect(actual.filter(({ pass }) => !pass).map(({ name }) => name)).toEqual([]);
    expect(actual).toEqual(expected);
  });
});
