import { describe, expect, it } from 'vitest';

import {
  isPartial,
  parseManifest,
  planOf,
  planRanges,
  sizeOf,
  spansOf,
  type Manifest,
} from '../../../services/replay/manifest.js';

const MANIFEST: Manifest = {
  format: 1,
  code: '1.0.0',
  scope: { model: 'm', release: 'v2' },
  known_at_ms: null,
  settings: { proofDeadlineMicros: 1, agentDelayMicros: 2 },
  ranges: [{ topic: 't', partition: 1, from: '3', to: '9007199254740993' }],
};

describe('a manifest', () => {
  it('is read by itself, or within the report of a run, offsets in full', () => {
    expect(parseManifest(JSON.stringify(MANIFEST))).toEqual(MANIFEST);
    expect(parseManifest(JSON.stringify({ run: 'r', manifest: MANIFEST }))).toEqual(MANIFEST);
    const whole = { from: 3n, to: 9007199254740993n };
    expect(spansOf(MANIFEST, 't')).toEqual(new Map([[1, { ...whole, ranges: [whole] }]]));
  });

  it('says which offsets are read, and what was found there', () => {
    const range = { topic: 't', partition: 0, from: '0', to: '100', read: '5-8,90-100' };
    const plan = { ...MANIFEST, ranges: [range] };
    const done = {
      ...plan,
      ranges: [{ ...range, records: 13, content: 'ab'.repeat(32) }],
      schemas: { 7: 'ff', 8: null },
    };
    const text = JSON.stringify(done);
    expect(parseManifest(text)).toEqual(done);
    expect(JSON.stringify(planOf(parseManifest(text)))).toBe(JSON.stringify(plan));
    expect(sizeOf(plan)).toEqual({ records: 13, of: 100 });
    expect([isPartial(plan), isPartial(MANIFEST)]).toEqual([true, false]);
    expect(spansOf(plan, 't').get(0)?.ranges).toEqual([
      { from: 5n, to: 8n },
      { from: 90n, to: 100n },
    ]);
  });

  it.each([
    ['no JSON', '{'],
    ['an offset that is no number', JSON.stringify({ ...MANIFEST, ranges: [{ ...MANIFEST.ranges[0], to: 'end' }] })],
    ['ranges outside', JSON.stringify({ ...MANIFEST, ranges: [{ ...MANIFEST.ranges[0], read: '0-4' }] })],
    [
      'a lost front, and not the first record that is left',
      JSON.stringify({ ...MANIFEST, ranges: [{ ...MANIFEST.ranges[0], read: '5-6' }] }),
    ],
    ['no model', JSON.stringify({ ...MANIFEST, scope: {} })],
    ['a field nobody knows', JSON.stringify({ ...MANIFEST, batch: 7 })],
  ])('with %s is bad input', (_, text) => {
    expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('ends where the log did, or before the first record that was appended later', async () => {
    const log = {
      offsets: () => Promise.resolve([{ partition: 0, low: 5n, high: 20n }]),
      firstSince: (_topic: string, ms: number) => Promise.resolve(new Map([[0, BigInt(ms)]])),
    };
    const ends = async (knownAtMs: number | null): Promise<string[]> =>
      (await planRanges(log, { topicPrefix: '', knownAtMs })).map(({ from, to }) => `${from}-${to}`);
    expect(new Set(await ends(null))).toEqual(new Set(['5-20']));
    expect(new Set(await ends(11))).toEqual(new Set(['5-12']));
    expect(new Set(await ends(1))).toEqual(new Set(['5-5']));
  });
});
