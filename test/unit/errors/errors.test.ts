import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { asBacktrailError, BacktrailError, ERRORS, type ErrorCode } from '../../../services/shared/errors.js';
import { packageRoot } from '../../../services/shared/package-root.js';

const runbook = readFileSync(join(packageRoot(), 'infra', 'runbook.md'), 'utf8');
const codes = Object.keys(ERRORS) as ErrorCode[];

describe('the table of errors', () => {
  it.each(codes)('has %s under a heading of the runbook, with its outcome', (code) => {
    const section = runbook.split(`\n### ${code}\n`)[1];
    expect(section?.trimStart().split('. ')[0]).toBe(ERRORS[code].outcome);
  });

  it('has every heading of the runbook', () => {
    const headings = [...runbook.matchAll(/^### ([A-Z_]+)$/gm)].map((match) => match[1]);
    expect(headings.toSorted()).toEqual(codes.toSorted());
  });

  it('says each in one sentence', () => {
    for (const code of codes) expect(ERRORS[code].sentence).toMatch(/^[A-Z].*\.$/);
  });
});

describe('an error', () => {
  it('keeps its code, its cause, and says the sentence where nothing else is known', () => {
    const cause = new Error('socket hang up');
    const error = new BacktrailError('CLICKHOUSE_UNREACHABLE', '', { cause });
    expect(error).toMatchObject({ outcome: 'retry', cause, message: 'ClickHouse cannot be reached.', exitCode: 1 });
  });

  it('that nobody translated stops, with the foreign error as its cause', () => {
    const foreign = new TypeError('x is not a function');
    expect(asBacktrailError(foreign)).toMatchObject({ code: 'UNKNOWN', outcome: 'stop', cause: foreign });
  });
});
