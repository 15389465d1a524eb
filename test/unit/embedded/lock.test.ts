import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withLock } from '../../../infra/embedded/lock.js';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'backtrail-lock-'));
  path = join(folder, 'up.lock');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('the lock of a stack', () => {
  test('lets one in at a time, and tells the other that it waits', async () => {
    const seen: string[] = [];
    let waited = false;
    let letGo = (): void => undefined;
    const first = withLock(path, noWait, async () => {
      await new Promise<void>((resolve) => (letGo = resolve));
      seen.push('first');
    });
    const second = withLock(
      path,
      () => {
        waited = true;
        letGo();
      },
      () => Promise.resolve(seen.push('second')),
    );
    await Promise.all([first, second]);
    expect(seen).toEqual(['first', 'second']);
    expect(waited).toBe(true);
  });

  test.each([['{"pid": 1, "born": "long ago"}'], ['{"pid": 99999999, "born": "x"}'], ['cut off by a cra'], ['']])(
    'left behind by a crash binds nobody: %s',
    async (content) => {
      writeFileSync(path, content);
      expect(await withLock(path, noWait, () => Promise.resolve('in'))).toBe('in');
      expect(existsSync(path)).toBe(false);
    },
  );

  test('is let go when what it was held for fails', async () => {
    await expect(withLock(path, noWait, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(existsSync(path)).toBe(false);
  });
});

function noWait(): void {
  return undefined;
}
