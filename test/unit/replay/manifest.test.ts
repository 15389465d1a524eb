import { describe, expect, it } from 'vitest';

import { parseManifest, planRanges, spansOf, type Manifest } from '../../../services/replay/manifest.js';

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
    expect(spansOf(MANIFEST, 't')).toEqual(new Map([[1, { from: 3n, to: 9007199254740993n }]]));
  });

  it.each([
    ['no JSON', '{'],
    ['an offset that is no number', JSON.stringify({ ...MANIFEST, ranges: [{ ...MANIFEST.ranges[0], to: 'end' }] })],
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
