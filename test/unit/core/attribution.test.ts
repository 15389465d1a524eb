import { describe, expect, it } from 'vitest';
import { attribute, phaseOf, type InferenceVerdict } from '../../../services/shared/core/attribution.js';
import { fact, micros, rollback, traffic, viewOf, type Line } from './story.js';

const bound = (at: string, target_id: string, release: string, more: Partial<Line> = {}): Line => ({
  at,
  action: 'TARGET_BOUND',
  target_id,
  release,
  ...more,
});
const unbound = (at: string, target_id: string, release: string, more: Partial<Line> = {}): Line => ({
  ...bound(at, target_id, release, more),
  action: 'TARGET_UNBOUND',
});
const published = (release: string, ...blob_ids: string[]): Line => ({
  at: '08:00',
  action: 'PUBLISHED',
  release,
  blob_ids,
});

function verdict(releases: Line[], inference: Partial<Line> = {}, known?: string): InferenceVerdict {
  return attribute(
    fact('inferences', { at: '10:30', inference_id: 'r', ...inference }).record,
    viewOf(releases, known),
  );
}

/** v1 with the traffic at 10:30; v2 before it, v3 after it. */
const LOG = [
  traffic('09:00', { v2: 10_000 }),
  traffic('10:00', { v1: 10_000 }),
  traffic('11:00', { v3: 10_000 }),
  published('v1', 'b1', 'shared'),
  published('v2', 'b2', 'shared', 'b23'),
  published('v3', 'b3', 'b23'),
];

describe('the release that served an inference', () => {
  it.each<[string, Line[], Partial<Line>, Partial<InferenceVerdict>]>([
    [
      'is that of its target before everything else',
      [...LOG, bound('09:00', 'tee', 'v3')],
      { target_id: 'tee', blob_id: 'b2', release: 'v1' },
      { release: 'v3', basis: 'target', status: 'attributed' },
    ],
    ['is the only one that lists its blob', LOG, { blob_id: 'b2', release: 'v1' }, { release: 'v2', basis: 'blob' }],
    [
      'is the claim among several that list its blob',
      LOG,
      { blob_id: 'shared', release: 'v2' },
      { release: 'v2', basis: 'blob+claim' },
    ],
    [
      'is the only one of several that has traffic',
      LOG,
      { blob_id: 'shared', release: 'v9' },
      { release: 'v1', basis: 'blob+timeline' },
    ],
    [
      'is unsure among several of which none has traffic',
      LOG,
      { blob_id: 'b23', release: 'v1' },
      { status: 'ambiguous', release: null, basis: null },
    ],
    [
      'is unsure among all that list its blob when two of them have traffic',
      [...LOG, traffic('12:00', { v1: 5000, v2: 5000 }, { effective_at: '10:20' }), published('v4', 'shared')],
      { blob_id: 'shared' },
      {
        status: 'ambiguous',
        candidates: [
          { release: 'v1', share_bp: 5000, activation: 1 },
          { release: 'v2', share_bp: 5000, activation: 2 },
          { release: 'v4', share_bp: 0, activation: null },
        ],
      },
    ],
    [
      'is its claim when the blob is unknown',
      LOG,
      { blob_id: 'b9', release: 'v2' },
      { release: 'v2', basis: 'claim', findings: ['BLOB_UNKNOWN'] },
    ],
    ['is its claim before the timeline', LOG, { release: 'v2' }, { release: 'v2', basis: 'claim' }],
    [
      'is the one with the traffic',
      LOG,
      {},
      { release: 'v1', basis: 'timeline', candidates: [{ release: 'v1', share_bp: 10_000, activation: 1 }] },
    ],
    [
      'is unsure among those with traffic',
      [traffic('10:00', { b: 3000, a: 7000 })],
      {},
      {
        status: 'ambiguous',
        candidates: [
          { release: 'a', share_bp: 7000, activation: 1 },
          { release: 'b', share_bp: 3000, activation: 1 },
        ],
      },
    ],
    [
      'is unknown when nothing has traffic',
      [],
      {},
      { status: 'unattributed', release: null, candidates: [], phase: null, activation: null },
    ],
    [
      'is never looked up among the targets of another model',
      [bound('09:00', 'tee', 'v3', { model_id: 'n' })],
      { target_id: 'tee' },
      { status: 'unattributed' },
    ],
  ])('%s', (_name, releases, inference, expected) => {
    expect(verdict(releases, inference)).toMatchObject(expected);
  });
});

describe('the target evidence', () => {
  it.each<[string, Line[], Partial<InferenceVerdict>]>([
    ['holds from the effective time of the binding', [bound('10:30', 'tee', 'v2')], { release: 'v2', findings: [] }],
    ['does not hold before it', [bound('10:30:00.000001', 'tee', 'v2')], { release: 'v1', basis: 'timeline' }],
    [
      'is the latest binding by effective time',
      [bound('10:00', 'tee', 'v2'), bound('12:00', 'tee', 'v3', { effective_at: '09:00' })],
      { release: 'v2' },
    ],
    [
      'is that of the greatest R of one effective time',
      [bound('10:00', 'tee', 'v2'), bound('12:00', 'tee', 'v3', { effective_at: '10:00' })],
      { release: 'v3' },
    ],
    [
      'is not enabled after an unbinding, whatever that names',
      [bound('10:00', 'tee', 'v2'), unbound('10:10', 'tee', 'v9')],
      { release: 'v2', basis: 'target', findings: ['TARGET_NOT_ENABLED'] },
    ],
    [
      'is not enabled after an unbinding at the same time with a greater R',
      [bound('10:00', 'tee', 'v2'), unbound('12:00', 'tee', 'v2', { effective_at: '10:00' })],
      { findings: ['TARGET_NOT_ENABLED'] },
    ],
    [
      'is enabled before the unbinding',
      [bound('10:00', 'tee', 'v2'), unbound('10:30:00.001', 'tee', 'v2')],
      { findings: [] },
    ],
    [
      'is enabled when it is bound after the unbinding',
      [bound('09:00', 'tee', 'v3'), unbound('10:00', 'tee', 'v3'), bound('10:10', 'tee', 'v2')],
      { release: 'v2', findings: [] },
    ],
    [
      'is nothing for a target that was only unbound',
      [unbound('10:00', 'tee', 'v2')],
      { release: 'v1', basis: 'timeline', findings: [] },
    ],
    ['is nothing for another target', [bound('10:00', 'eet', 'v2')], { release: 'v1', basis: 'timeline' }],
  ])('%s', (_name, targets, expected) => {
    expect(verdict([...LOG, ...targets], { target_id: 'tee' })).toMatchObject(expected);
  });
});

describe('the findings', () => {
  const withTarget = [...LOG, bound('09:00', 'tee', 'v1'), bound('09:00', 'off', 'v1'), unbound('09:10', 'off', 'v1')];

  it.each<[string, Partial<Line>, string[]]>([
    ['are none where everything agrees', { target_id: 'tee', blob_id: 'b1', release: 'v1' }, []],
    ['name target and blob', { target_id: 'tee', blob_id: 'b2' }, ['TARGET_BLOB_CONFLICT']],
    ['name target and claim', { target_id: 'tee', release: 'v2' }, ['TARGET_CLAIM_CONFLICT']],
    [
      'name target and claim also when the target is off',
      { target_id: 'off', release: 'v2' },
      ['TARGET_CLAIM_CONFLICT', 'TARGET_NOT_ENABLED'],
    ],
    ['name blob and claim', { blob_id: 'b2', release: 'v1' }, ['BLOB_CLAIM_CONFLICT']],
    [
      'name blob and claim also when several releases list the blob',
      { blob_id: 'b23', release: 'v1' },
      ['BLOB_CLAIM_CONFLICT'],
    ],
    [
      'name every pair',
      { target_id: 'tee', blob_id: 'b2', release: 'v3' },
      ['BLOB_CLAIM_CONFLICT', 'TARGET_BLOB_CONFLICT', 'TARGET_CLAIM_CONFLICT'],
    ],
    ['name an unknown blob beside a target', { target_id: 'tee', blob_id: 'b9' }, ['BLOB_UNKNOWN']],
    [
      'name an unknown release beside a target',
      { target_id: 'tee', release: 'v9' },
      ['RELEASE_UNKNOWN', 'TARGET_CLAIM_CONFLICT'],
    ],
  ])('%s', (_name, inference, findings) => {
    expect(verdict(withTarget, inference).findings).toEqual(findings);
  });

  it.each<[string, Line[], string[]]>([
    ['knows a release that was published, with whatever blobs', [published('v5')], []],
    ['knows a release that was ever in traffic', [traffic('08:00', { v5: 10_000 }), traffic('08:10', {})], []],
    ['knows a release whose traffic lies ahead', [traffic('23:00', { v5: 10_000 })], []],
    [
      'does not know a release that is only a target of a rollback',
      [rollback('08:00', 'v5', 'v0')],
      ['RELEASE_UNKNOWN'],
    ],
    [
      'does not know a release whose share was always 0',
      [traffic('08:00', { v1: 10_000, v5: 0 })],
      ['RELEASE_UNKNOWN'],
    ],
    [
      'does not know a release whose traffic was replaced before it began',
      [traffic('08:00', { v5: 10_000 }), traffic('08:01', {}, { effective_at: '08:00' })],
      ['RELEASE_UNKNOWN'],
    ],
    ['does not know a release of another model', [{ ...published('v5'), model_id: 'n' }], ['RELEASE_UNKNOWN']],
  ])('%s', (_name, releases, findings) => {
    expect(verdict(releases, { release: 'v5' }).findings).toEqual(findings);
  });
});

describe('the phase', () => {
  const log = [
    traffic('09:00', { v1: 10_000 }),
    traffic('10:00', { v2: 10_000 }),
    traffic('11:00', { v1: 10_000 }),
    traffic('12:00', { v2: 10_000 }),
  ];

  it.each([
    ['v1', '08:59', 'premature', null],
    ['v1', '09:00', 'active', 1],
    ['v1', '09:59:59.999999', 'active', 1],
    ['v1', '10:00', 'stale', 1],
    ['v1', '11:00', 'active', 2],
    ['v1', '12:00', 'stale', 2],
    ['v2', '09:30', 'premature', null],
    ['v2', '11:30', 'stale', 1],
    ['v2', '13:00', 'active', 2],
    ['v3', '13:00', 'never', null],
  ])('of %s at %s is %s, activation %s', (release, at, phase, activation) => {
    const view = viewOf(log);
    const found = phaseOf(view.timeline, release, micros(at));
    expect([found.phase, found.activation?.number ?? null]).toEqual([phase, activation]);
    expect(verdict(log, { at, release })).toMatchObject({ phase, activation });
  });
});

describe('a request is near a boundary', () => {
  it.each([
    ['within the error before a change', '09:59:59.500', 500, true],
    ['within the error after a change', '10:00:00.500', 500, true],
    ['not a microsecond further', '10:00:00.500001', 500, false],
    ['not with an error of 0', '10:00', 0, false],
    ['not with a negative error', '10:00', -5, false],
    ['not without an error', '10:00', null, false],
  ])('%s', (_name, at, clock_error_ms, near) => {
    expect(verdict([traffic('10:00', { v1: 10_000 })], { at, clock_error_ms }).nearBoundary).toBe(near);
  });
});

describe('the blob', () => {
  it.each([
    ['b1', 'matched', ['v1']],
    ['shared', 'matched', ['v1', 'v2']],
    ['b9', 'unknown', []],
    [null, 'not_applicable', []],
  ])('%s is %s', (blob_id, blobStatus, blobReleases) => {
    expect(verdict(LOG, { blob_id })).toMatchObject({ blobStatus, blobReleases });
  });
});
