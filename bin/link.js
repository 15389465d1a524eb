// After `npm ci`: puts our own command beside those of the dependencies, where `npx backtrail` looks first. Otherwise npx
// would install the checkout into its cache, and build it once more, before the first command runs.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

if (process.platform !== 'win32') {
  const folder = join(import.meta.dirname, '..', 'node_modules', '.bin');
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, 'backtrail'), { force: true });
  symlinkSync(join('..', '..', 'bin', 'backtrail.js'), join(folder, 'backtrail'));
}
