import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';

import { expect, it } from 'vitest';

import { packageRoot } from '../../../services/shared/package-root.js';

const PROGRAM = `
import { createLog } from './services/shared/log.js';
const log = createLog('info');
for (let i = 0; i < 3; i += 1) log.warn('nobody can write this down');
process.stdout.write('alive');
`;
/** A file that is always full: only Linux has one. */
const FULL = '/dev/full';

it.runIf(existsSync(FULL))('a service whose log is on a full disk lives on', () => {
  const full = openSync(FULL, 'w');
  const { stdout, status } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', PROGRAM], {
    cwd: packageRoot(),
    stdio: ['ignore', 'pipe', full],
    encoding: 'utf8',
  });
  closeSync(full);
  expect({ stdout, status }).toEqual({ stdout: 'alive', status: 0 });
});
