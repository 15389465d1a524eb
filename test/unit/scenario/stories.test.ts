import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coreEngine } from '../../../services/scenario/core-engine.js';
import { readScenarios } from '../../../services/scenario/read.js';
import { runScenario } from '../../../services/scenario/run.js';
import { packageRoot } from '../../../services/shared/package-root.js';

const folder = join(packageRoot(), 'test', 'scenarios');
const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));

describe('every story in test/scenarios comes out on the core as it is told', () => {
  it.each(files)('%s', async (file) => {
    const [scenario] = await readScenarios([join(folder, file)]);
    if (scenario === undefined) throw new Error('one file is one scenario');
    const { checks } = await runScenario(scenario, coreEngine(scenario));
    expect(checks.length).toBeGreaterThan(0);
    expect(checks.filter((check) => !check.pass)).toEqual([]);
  });
});
