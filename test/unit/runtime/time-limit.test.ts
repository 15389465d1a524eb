import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { expect, it } from 'vitest';

import { elapsedMs, sleep, timeLimit } from '../../../services/shared/clock.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const LIMIT_MS = 100;

it('ends what has no end by itself, whatever was collected as garbage meanwhile', async () => {
  const limit = timeLimit(LIMIT_MS, new AbortController().signal);
  const startMs = elapsedMs();
  while (elapsedMs() < startMs + 3 * LIMIT_MS) {
    collectGarbage();
    await sleep(LIMIT_MS / 5);
  }
  expect(limit.signal.aborted).toBe(true);
  expect(limit.signal.reason).toMatchObject({ name: 'TimeoutError' });
});

it('ends when the other signal does, and not at all once it is not needed any more', async () => {
  const ending = new AbortController();
  const limit = timeLimit(LIMIT_MS, ending.signal);
  ending.abort();
  expect(limit.signal.aborted).toBe(true);
  limit.end();
  const unneeded = timeLimit(1, new AbortController().signal);
  unneeded.end();
  await sleep(LIMIT_MS);
  expect(unneeded.signal.aborted).toBe(false);
});
