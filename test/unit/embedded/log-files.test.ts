import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Home, stackHome } from '../../../infra/embedded/home.js';
import { boundLogs, explainLog, logTail } from '../../../infra/embedded/log-files.js';

let home: Home;

beforeEach(() => {
  home = stackHome({}, mkdtempSync(join(tmpdir(), 'backtrail-logs-')));
  mkdirSync(home.logs);
});
afterEach(() => {
  rmSync(home.root, { recursive: true });
});

describe('a log', () => {
  test('that has grown too large is moved aside and begins anew', () => {
    const path = join(home.logs, 'kafka.log');
    writeFileSync(path, 'x'.repeat(101));
    boundLogs(home, 100);
    appendFileSync(path, 'next\n');
    expect(readFileSync(path, 'utf8')).toBe('next\n');
    expect(statSync(`${path}.1`).size).toBe(101);
  });

  test('within its bound is left alone', () => {
    const path = join(home.logs, 'kafka.log');
    writeFileSync(path, 'x'.repeat(100));
    boundLogs(home, 100);
    expect(statSync(path).size).toBe(100);
  });

  test('is shown by its last lines, and an absent one by none', () => {
    const path = join(home.logs, 'kafka.log');
    writeFileSync(path, 'one\ntwo\nthree\n');
    expect(logTail(path, 2)).toBe('two\nthree');
    expect(logTail(join(home.logs, 'absent.log'))).toBe('');
  });
});

describe('the reason in a log', () => {
  test.each([
    ['java.io.IOException: No space left on device', 'The disk is full'],
    ['java.net.BindException: Address already in use', 'taken by another program'],
    ['Error: listen EADDRINUSE: address already in use 127.0.0.1:8123', 'taken by another program'],
    ['java.lang.UnsupportedClassVersionError: kafka/Kafka', 'Java 17'],
    ['Database may be already in use: "registry.mv.db"', 'another stack'],
    ['os::commit_memory failed; error=Cannot allocate memory', 'not enough memory'],
  ])('%s', (line, sentence) => {
    expect(explainLog(line)).toContain(sentence);
  });

  test('is not guessed', () => {
    expect(explainLog('java.lang.NullPointerException')).toBeNull();
  });
});
