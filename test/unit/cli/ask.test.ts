import { describe, expect, it } from 'vitest';
import { answerLines } from '../../../services/cli/answer-lines.js';
import { buildQuestion } from '../../../services/cli/ask.js';
import { microsFromIso } from '../../../services/shared/iso-time.js';

describe('a question on the command line', () => {
  it('has event time in microseconds and knowledge time in milliseconds', () => {
    const given = { model: 'm', at: '2026-03-10T10:05:00.000001Z', known: '2026-03-10T10:05:00.0019Z' };
    expect(buildQuestion('timeline', given)).toEqual({
      ask: 'timeline',
      model: 'm',
      at: 1_773_137_100_000_001,
      known: 1_773_137_100_001,
    });
  });

  it('has the activation as a number, and only if one is given', () => {
    expect(buildQuestion('agents', { model: 'm', release: '2', activation: '2' })).toEqual({
      ask: 'agents',
      model: 'm',
      release: '2',
      activation: 2,
    });
    expect(buildQuestion('payments', { model: 'm', release: 'v2' })).toEqual({
      ask: 'payments',
      model: 'm',
      release: 'v2',
    });
  });

  it.each([
    ['timeline', { model: 'm', at: 'noon' }, /--at is not an ISO-8601 time .*: noon/],
    ['served', { inference: 'i', known: '2026-13-01' }, /--known is not an ISO-8601 time/],
    ['agents', { model: 'm', release: 'r', activation: '0' }, /--activation is not a whole number of at least 1: 0/],
    ['agents', { model: 'm', release: 'r', activation: '1.5' }, /--activation is not a whole number/],
  ] as const)('is bad input: %s %o', (ask, given, message) => {
    expect(() => buildQuestion(ask, given)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringMatching(message) as string }) as Error,
    );
  });
});

describe('a time in ISO-8601', () => {
  it.each([
    ['2026-03-10', '2026-03-10T00:00:00.000Z'],
    ['2026-03-10T10:05', '2026-03-10T10:05:00.000Z'],
    ['2026-03-10 10:05:01', '2026-03-10T10:05:01.000Z'],
    ['2026-03-10T10:05:01.5Z', '2026-03-10T10:05:01.500Z'],
    ['2026-03-10T10:05:01-0730', '2026-03-10T17:35:01.000Z'],
    ['2026-03-10T10:05:01+02', '2026-03-10T08:05:01.000Z'],
    ['2024-02-29T23:59:59.999Z', '2024-02-29T23:59:59.999Z'],
  ])('%s is %s', (text, iso) => {
    expect(microsFromIso(text)).toBe(Date.parse(iso) * 1000);
  });

  it.each([
    '',
    'now',
    '2026-3-1',
    '2026-02-29',
    '2026-03-10T24:00',
    '2026-03-10T10:60',
    '10:05',
    '2026-03-10T10:05:00+24:00',
    '9999-01-01',
  ])('%j is none', (text) => {
    expect(microsFromIso(text)).toBeNull();
  });
});

describe('an answer for people', () => {
  it('has one field a line, with nothing left out', () => {
    const lines = answerLines({
      inference: '0xab',
      release: null,
      findings: [],
      candidates: [{ release: 'v2', share_bp: 10000 }],
    });
    expect(lines).toEqual([
      'inference   0xab',
      'release     -',
      'findings    (none)',
      'candidates (1)',
      '  release  share_bp',
      '  v2          10000',
    ]);
  });

  it('has a table for a list of objects, and says when there is none', () => {
    expect(answerLines([{ release: 'v1', to: null, flagged: false }])).toEqual([
      'release  to  flagged',
      'v1       -   false',
    ]);
    expect(answerLines([])).toEqual(['(none)']);
  });

  it('lists long lists one id a line, whole', () => {
    const ids = Array.from({ length: 5 }, (_, i) => `0x${'ab'.repeat(32)}${i}`);
    expect(answerLines({ certain: ids })).toEqual(['certain (5)', ...ids.map((id) => `  ${id}`)]);
  });

  it('makes control characters of ids visible', () => {
    expect(answerLines({ agent: 'a\u001b[2Jb\nc' })).toEqual(['agent  a\\u001b[2Jb\\u000ac']);
  });
});
