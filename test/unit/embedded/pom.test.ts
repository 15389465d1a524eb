import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fetchSentence } from '../../../infra/embedded/jars.js';
import { javaMajor } from '../../../infra/embedded/java.js';
import { packageRoot } from '../../../services/shared/package-root.js';

const POM = readFileSync(join(packageRoot(), 'infra', 'embedded', 'pom.xml'), 'utf8');

describe('what is fetched from Maven Central', () => {
  test('is pinned to exact versions', () => {
    const versions = [...POM.matchAll(/<(?:[\w.]+\.)?version>([^<]+)</g)].map((match) => match[1] ?? '');
    const own = versions.filter((version) => !version.startsWith('${'));
    expect(own.length).toBeGreaterThanOrEqual(5);
    for (const version of own) expect(version).toMatch(/^\d+(\.\d+)*$/);
  });

  test('is the broker and the registry of the known recipe', () => {
    expect(POM).toContain('<kafka.version>4.1.1<');
    expect(POM).toContain('<apicurio.version>3.0.9<');
    expect(POM).toContain('<artifactId>log4j-slf4j-impl<');
    expect(POM).not.toContain('log4j-slf4j2-impl<');
  });

  test('comes from the repositories of Maven as it is set up, and from no other', () => {
    expect(POM).not.toMatch(/<repositor/);
  });
});

describe('a failed fetch', () => {
  test.each([
    ['java.io.IOException: No space left on device', 'The disk is full'],
    ['[ERROR] Failed to execute goal: Could not transfer artifact: Connection refused', 'Connection refused'],
    ['[ERROR] Could not resolve: repo.example: Name or service not known', 'Check that this machine reaches it'],
  ])('%s', (printed, sentence) => {
    expect(fetchSentence(printed)).toContain(sentence);
  });
});

describe('the version of Java', () => {
  test.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_402"', 8],
    ['openjdk version "25" 2025-09-16', 25],
    ['no java here', null],
  ])('%s', (printed, major) => {
    expect(javaMajor(printed)).toBe(major);
  });
});
