import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { identityOf, isAlive, signalProcess, startTicks } from '../../../infra/embedded/identity.js';
import { untilDead } from '../../../infra/embedded/launch.js';

const STAT = '4242 (java) S 1 4242 4242 0 -1 4194560 1 0 0 0 10 5 0 0 20 0 40 0 198716 1 2 3';

describe('the identity of a process', () => {
  test('is read from the start time in /proc/PID/stat', () => {
    expect(startTicks(STAT)).toBe('198716');
  });

  test('is found behind a program name with blanks and brackets', () => {
    expect(startTicks(STAT.replace('(java)', '(a) S 1 (b c)'))).toBe('198716');
  });

  test.each(['Z', 'X'])('is none for a process in state %s, which nobody may ever reap', (state) => {
    expect(startTicks(STAT.replace(') S ', `) ${state} `))).toBeNull();
  });

  test('is that of a living process, until it ends', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const identity = identityOf(child.pid ?? 0);
    if (identity === null) throw new Error('the child has no identity');
    expect(isAlive(identity)).toBe(true);
    expect(signalProcess(identity, 'SIGKILL')).toBe(true);
    await once(child, 'exit');
    expect(await untilDead(identity, 5000)).toBe(true);
    expect(signalProcess(identity, 'SIGTERM')).toBe(false);
  });

  test('is not that of another process which was given the same pid', () => {
    const recycled = { pid: process.pid, born: 'another time' };
    expect(isAlive(recycled)).toBe(false);
    expect(signalProcess(recycled, 'SIGKILL')).toBe(false);
  });

  test('is none where there is no process', () => {
    expect(identityOf(2 ** 22 + 1)).toBeNull();
    expect(isAlive(null)).toBe(false);
  });
});
