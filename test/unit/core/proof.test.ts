import { describe, expect, it } from 'vitest';
import { isOverdue, PROOF_DEADLINE_MICROS, proofOf, type ProofVerdict } from '../../../services/shared/core/proof.js';
import { facts, micros, ms, type Line } from './story.js';

const proof = (at: string, state: string, more: Partial<Line> = {}): Line => ({ at, state, ...more });
const since = (clock: string | null): number | null => (clock === null ? null : micros(clock));

describe('the proof of an inference', () => {
  it.each<[string, Line[], ProofVerdict['state'], string | null, string | null, string | null]>([
    ['is none without records', [], 'none', null, null, null],
    ['is none when it was only said to be unverifiable', [proof('10:00', 'UNVERIFIABLE')], 'none', null, null, null],
    [
      'is pending when one was submitted',
      [proof('10:00', 'SUBMITTED', { path: 'ZKML' })],
      'pending',
      'ZKML',
      null,
      null,
    ],
    [
      'is failed when any failed',
      [proof('10:00', 'FAILED'), proof('10:01', 'SUBMITTED', { proof_id: 'q2' })],
      'failed',
      'TEE',
      null,
      null,
    ],
    [
      'is verified when any was ever verified',
      [proof('10:00', 'VERIFIED'), proof('10:01', 'FAILED')],
      'verified',
      'TEE',
      '10:00',
      null,
    ],
    [
      'has the path of the earliest verified one by event time',
      [proof('10:05', 'VERIFIED'), proof('10:04', 'VERIFIED', { arrives: '11:00', proof_id: 'q2', path: 'ZKML' })],
      'verified',
      'ZKML',
      '10:04',
      null,
    ],
    [
      'has the path that was verified, whatever was submitted',
      [proof('10:00', 'SUBMITTED', { path: 'ZKML' }), proof('10:05', 'VERIFIED')],
      'verified',
      'TEE',
      '10:05',
      null,
    ],
    [
      'has the path of the one appended first at one event time',
      [proof('10:05', 'VERIFIED', { path: 'ZKML' }), proof('10:05', 'VERIFIED', { proof_id: 'q2' })],
      'verified',
      'ZKML',
      '10:05',
      null,
    ],
    [
      'has the path of the earliest record of the deciding state',
      [
        proof('09:00', 'SUBMITTED'),
        proof('10:01', 'FAILED', { path: 'VANILLA' }),
        proof('10:00', 'FAILED', { path: 'OTHER' }),
      ],
      'failed',
      'OTHER',
      null,
      null,
    ],
    [
      'stays verified when it can no longer be checked',
      [proof('10:00', 'VERIFIED'), proof('11:00', 'UNVERIFIABLE')],
      'verified',
      'TEE',
      '10:00',
      '11:00',
    ],
    [
      'is unverifiable since the first time that was said',
      [proof('10:00', 'VERIFIED'), proof('12:00', 'UNVERIFIABLE'), proof('11:00', 'UNVERIFIABLE')],
      'verified',
      'TEE',
      '10:00',
      '11:00',
    ],
    [
      'is not unverifiable since before it was verified',
      [proof('09:00', 'UNVERIFIABLE'), proof('10:00', 'VERIFIED')],
      'verified',
      'TEE',
      '10:00',
      null,
    ],
    [
      'is unverifiable since the very time, if that was appended later',
      [proof('10:00', 'VERIFIED'), proof('10:00', 'UNVERIFIABLE')],
      'verified',
      'TEE',
      '10:00',
      '10:00',
    ],
    [
      'is not unverifiable because another proof is',
      [
        proof('10:00', 'VERIFIED'),
        proof('10:01', 'VERIFIED', { proof_id: 'q2' }),
        proof('11:00', 'UNVERIFIABLE', { proof_id: 'q2' }),
      ],
      'verified',
      'TEE',
      '10:00',
      null,
    ],
    [
      'of a failed one never says since when it is unverifiable',
      [proof('10:00', 'FAILED'), proof('11:00', 'UNVERIFIABLE')],
      'failed',
      'TEE',
      null,
      null,
    ],
  ])('%s', (_name, lines, state, path, verifiedAt, unverifiableSince) => {
    expect(proofOf(facts('proofs', lines))).toEqual({
      state,
      path,
      verifiedAt: since(verifiedAt),
      unverifiableSince: since(unverifiableSince),
    });
  });
});

describe('a proof is overdue', () => {
  it.each<[string, Line[], string, boolean]>([
    ['not at 20 minutes', [], '10:20', false],
    ['after more than 20 minutes', [], '10:20:00.001', true],
    ['when it is pending', [proof('10:00', 'SUBMITTED')], '10:21', true],
    ['not when it failed', [proof('10:00', 'FAILED')], '10:21', false],
    ['not when it is verified', [proof('10:00', 'VERIFIED')], '10:21', false],
  ])('%s', (_name, lines, known, overdue) => {
    const times = { inferenceAt: micros('10:00'), knownAtMs: ms(known), deadlineMicros: PROOF_DEADLINE_MICROS };
    expect(isOverdue(proofOf(facts('proofs', lines)), times)).toBe(overdue);
  });

  it('never when no record of the inference is known', () => {
    expect(isOverdue(proofOf([]), { inferenceAt: null, knownAtMs: ms('23:00'), deadlineMicros: 0 })).toBe(false);
  });

  it('after another deadline, when one is configured', () => {
    const times = { inferenceAt: micros('10:00'), knownAtMs: ms('10:01'), deadlineMicros: 30_000_000 };
    expect(isOverdue(proofOf([]), times)).toBe(true);
  });
});
