import { readFile } from 'node:fs/promises';
import { parseScenario, ScenarioError } from './parse.js';
import type { Scenario } from './scenario.js';

/**
 * Reads all files before anything is run, so that a mistake in the last one is not found after an hour.
 * @throws ScenarioError
 */
export async function readScenarios(files: readonly string[]): Promise<Scenario[]> {
  const scenarios: Scenario[] = [];
  for (const file of files) scenarios.push(parseScenario(file, await read(file)));
  return scenarios;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ScenarioError(
      `${file}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : String(error)}`,
    );
  }
}
