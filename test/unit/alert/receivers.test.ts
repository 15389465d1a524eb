import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseReceivers, readReceivers, type Receiver } from '../../../services/alert/receivers.js';
import { isFor, type Routed } from '../../../services/alert/route.js';
import { msFromDuration } from '../../../services/shared/duration.js';
import { packageRoot } from '../../../services/shared/package-root.js';

const folder = mkdtempSync(join(tmpdir(), 'backtrail-receivers-'));
const file = join(folder, 'receivers.yaml');

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function problemsOf(yaml: string): string[] {
  try {
    parseReceivers(yaml, file);
    return [];
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2 });
    return (error as Error).message.split('\n').map((line) => line.replace(`${file}:`, ''));
  }
}

describe('the file of receivers', () => {
  it('is the example in infra, and needs no more than a name and an address', () => {
    const { receivers, externalUrl } = readReceivers(join(packageRoot(), 'infra', 'alert-receivers.yaml'));
    expect(receivers.map(({ name }) => name)).toEqual(['pager', 'chat', 'archive']);
    expect(externalUrl).toBe('https://backtrail.example.org');
    const [plain] = parseReceivers('receivers: [{name: a, url: "http://a/"}]', file).receivers;
    expect(plain).toEqual({
      name: 'a',
      url: 'http://a/',
      severities: null,
      kinds: null,
      models: null,
      isDefault: false,
      headers: {},
      maxAlerts: 100,
      groupWaitMs: 2_000,
      groupIntervalMs: 60_000,
      repeatIntervalMs: null,
      sendResolved: true,
      timeoutMs: 10_000,
    });
  });

  it('may be none', () => {
    expect(readReceivers(null).receivers).toEqual([]);
    expect(() => readReceivers(join(folder, 'missing.yaml'))).toThrow(/missing\.yaml: cannot be read: no such file/);
  });

  it('takes secrets from files beside it', () => {
    writeFileSync(join(folder, 'url'), 'https://hooks.example.org/secret\n');
    writeFileSync(join(folder, 'token'), 'Bearer x\n');
    const yaml = 'receivers: [{name: a, url: {file: url}, headers: {Authorization: {file: token}}}]';
    const [receiver] = parseReceivers(yaml, file).receivers;
    expect(receiver).toMatchObject({ url: 'https://hooks.example.org/secret', headers: { Authorization: 'Bearer x' } });
  });

  it('has all its problems told together, each with its line and field', () => {
    const yaml = [
      'receivers:',
      '  - name: a b',
      '    url: http://a',
      '    group_wat: 3s',
      '  - url: http://b',
      '    timeout: soon',
      '    max_alerts: -1',
      '    kinds: [FOO]',
      'extra: 1',
    ].join('\n');
    expect(problemsOf(yaml).sort()).toEqual([
      '2: receivers[0].name is not a name of letters, digits, dots and dashes',
      '4: receivers[0].group_wat is not known',
      '5: receivers[1].name is missing',
      '6: receivers[1].timeout is not a duration such as 30s, 5m or 1h30m',
      '7: receivers[1].max_alerts is not at least 0',
      '8: receivers[1].kinds[0] is not one of SETTLED_ON_FLAGGED, FLAGGED_REACTIVATED, STALE_SERVING',
      '9: extra is not known',
    ]);
  });

  it.each([
    ['receivers: [', /^1: /],
    ['receivers: []', /receivers has no receiver/],
    ['', /is not a map with receivers/],
    ['receivers: [{name: a, url: ftp://a/secret}]', /^1: receivers\[0\]\.url is not an http or https address$/],
    ['receivers: [{name: a, url: "http://u:secret@a/"}]', /has a user in it/],
    ['receivers: [{name: a, url: {file: nothing}}]', /url names nothing, which cannot be read: no such file/],
    ['receivers: [{name: a, url: http://a, headers: {Host: x}}]', /headers\.Host is set by Backtrail/],
    ['receivers: [{name: a, url: http://a, headers: {A: "x\\ny"}}]', /has a character that a header may not have/],
    [
      'receivers: [{name: a, url: http://a}, {name: a, url: http://b}]',
      /\[1\]\.name is the name of receivers\[0\] too/,
    ],
    ['receivers: [{name: a, url: http://a, severities: [high]}]', /has none for alerts without a severity/],
  ])('%s is refused', (yaml, problem) => {
    const [first = '', ...others] = problemsOf(yaml);
    expect(first).toMatch(problem);
    expect(first).not.toContain('secret');
    expect(others).toEqual([]);
  });
});

describe('an alert is for', () => {
  const { receivers } = parseReceivers(
    `receivers:
  - {name: high, url: http://a, severities: [high]}
  - {name: money, url: http://a, kinds: [SETTLED_ON_FLAGGED], severities: [low]}
  - {name: one, url: http://a, models: [m1]}
  - {name: rest, url: http://a, severities: [rare], default: true}`,
    file,
  );
  const names = (alert: Routed, all: readonly Receiver[] = receivers): string[] =>
    all.filter((receiver) => isFor(alert, receiver, all)).map(({ name }) => name);

  it.each([
    ['SETTLED_ON_FLAGGED', 'm1', 'high', ['high', 'one']],
    ['SETTLED_ON_FLAGGED', 'm2', 'low', ['money']],
    ['STALE_SERVING', 'm2', 'low', ['rest']],
    ['STALE_SERVING', 'm2', null, ['rest']],
    ['STALE_SERVING', 'm1', null, ['one']],
    ['STALE_SERVING', 'm2', 'rare', ['rest']],
    ['STALE_SERVING', 'm1', 'rare', ['one', 'rest']],
  ] as const)('%s of %s with severity %s: %j', (kind, modelId, severity, expected) => {
    expect(names({ kind, modelId, severity })).toEqual(expected);
  });
});

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['2s', 2_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
    ['0s', 0],
    ['', null],
    ['5', null],
    ['-5s', null],
    ['1.5h', null],
    ['soon', null],
  ])('%s is %s ms', (text, ms) => {
    expect(msFromDuration(text)).toBe(ms);
  });
});
