/**
 * Known vulnerabilities in what is delivered (`npm run audit`, part of `npm run verify`). Exits 1 for one that is high or
 * critical. A registry that does not answer this question, as mirrors often do, is said and is no failure: whether the same
 * source passes must not depend on where it is built.
 */
import { execFile } from 'node:child_process';
import { pathToFileURL } from 'node:url';

import { packageRoot } from '../services/shared/package-root.js';
import { withoutUsers } from '../services/shared/redact.js';

const LIMIT_MS = 60_000;
const ASK = ['audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=20000'];
const STOPS: readonly string[] = ['high', 'critical'];

export interface Audit {
  readonly outcome: 'clean' | 'vulnerable' | 'unknown';
  readonly sentences: readonly string[];
}

interface Report {
  readonly message?: string;
  readonly metadata?: { readonly vulnerabilities: Readonly<Record<string, number>> };
  readonly vulnerabilities?: Readonly<Record<string, Vulnerability>>;
}

interface Vulnerability {
  readonly name: string;
  readonly severity: string;
  readonly range: string;
  /** The advisories; as text, the package that has them. */
  readonly via: readonly (string | { readonly title: string; readonly url: string; readonly severity: string })[];
}

/** What `npm audit --json` printed, in words. */
export function readAudit(printed: string): Audit {
  let report: Report = {};
  try {
    report = JSON.parse(printed) as Report;
  } catch {
    // Nothing at all, when npm was stopped or is not there.
  }
  const { metadata, vulnerabilities, message = 'npm audit printed no report' } = report;
  if (metadata === undefined || vulnerabilities === undefined) {
    return { outcome: 'unknown', sentences: [`Not audited: the registry does not say (${withoutUsers(message)}).`] };
  }
  const found = Object.values(vulnerabilities).filter(({ severity }) => STOPS.includes(severity));
  if (found.length > 0) return { outcome: 'vulnerable', sentences: found.map(sentenceOf) };
  const lesser = metadata.vulnerabilities['total'] ?? 0;
  const rest = lesser === 0 ? '' : `; ${lesser} lesser: \`npm audit --omit=dev\` names them`;
  return { outcome: 'clean', sentences: [`No known vulnerability that is high or critical${rest}.`] };
}

function sentenceOf({ name, severity, range, via }: Vulnerability): string {
  const reasons = via.map((one) => (typeof one === 'string' ? `by ${one}` : `${one.title}, ${one.url}`));
  return `${name}${range === '' ? '' : ` ${range}`}: ${severity} (${reasons.join('; ')})`;
}

async function main(): Promise<number> {
  const printed = await new Promise<string>((resolve) => {
    // Also a failure has its report on stdout.
    execFile('npm', ASK, { cwd: packageRoot(), timeout: LIMIT_MS, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => {
      resolve(stdout);
    });
  });
  const { outcome, sentences } = readAudit(printed);
  for (const sentence of sentences) console.error(sentence);
  return outcome === 'vulnerable' ? 1 : 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main();
}
