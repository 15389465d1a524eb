import { describe, expect, it } from 'vitest';
import type { Stream } from '../../../services/shared/core/record.js';
import { refusal } from '../../../services/shared/core/validate.js';
import { fact, flag, ms, rollback, traffic, type Line } from './story.js';

const MAX = (2n ** 256n - 1n).toString();

function codeOf(stream: Stream, line: Partial<Line>): string | null {
  const { record, position } = fact(stream, { at: '10:00', ...line });
  return refusal(stream, record, position.appendedAtMs)?.code ?? null;
}

const change = (more: Partial<Line> = {}): Partial<Line> => ({ action: 'CHANGED', ...more });

describe('a record is refused', () => {
  it.each<[string, Stream, Partial<Line>]>([
    [
      'its event time is more than a day after its append time',
      'inferences',
      { at: '+1d 10:00:00.000001', arrives: '10:00', inference_id: 'r' },
    ],
    ['its event time is before 2020', 'inferences', { at: '2019-12-31T23:59:59.999999Z', inference_id: 'r' }],
  ])('when %s', (_name, stream, line) => {
    expect(codeOf(stream, line)).toBe('INVALID_TIME');
  });

  it.each<[string, Stream, Partial<Line>]>([
    ['at exactly a day after its append time', 'inferences', { at: '+1d 10:00', arrives: '10:00', inference_id: 'r' }],
    ['at the first moment of 2020', 'inferences', { at: '2020-01-01T00:00Z', arrives: '10:00', inference_id: 'r' }],
    ['90 days late', 'inferences', { at: '2025-12-10T00:00Z', arrives: '10:00', inference_id: 'r' }],
  ])('not %s', (_name, stream, line) => {
    expect(codeOf(stream, line)).toBeNull();
  });

  it.each<[string, Stream, Partial<Line>]>([
    ['negative', 'payments', { amount: '-1' }],
    ['a fraction', 'payments', { amount: '1.5' }],
    ['empty', 'payments', { amount: '' }],
    ['in exponent notation', 'payments', { amount: '1e3' }],
    ['hexadecimal', 'payments', { amount: '0x10' }],
    ['followed by a line feed', 'payments', { amount: '1\n' }],
    ['beyond 2^256 - 1', 'payments', { amount: (2n ** 256n).toString() }],
    [
      'a negative allocation',
      'payments',
      {
        allocations: [
          { inference_id: 'r', amount: '1' },
          { inference_id: 's', amount: '-1' },
        ],
      },
    ],
    ['a negative cost', 'inferences', { inference_id: 'r', cost: '-1' }],
    ['a fraction of a cost', 'inferences', { inference_id: 'r', cost: '0.1' }],
  ])('for an amount that is %s', (_name, stream, line) => {
    expect(codeOf(stream, line)).toBe('INVALID_AMOUNT');
  });

  it.each<[string, Stream, Partial<Line>]>([
    ['0', 'payments', { amount: '0' }],
    ['2^256 - 1', 'payments', { amount: MAX }],
    ['written with zeros in front', 'payments', { amount: `000${MAX}` }],
    ['missing where it may be', 'payments', { allocations: [{ inference_id: 'r' }] }],
    ['no cost', 'inferences', { inference_id: 'r' }],
  ])('not for an amount that is %s', (_name, stream, line) => {
    expect(codeOf(stream, line)).toBeNull();
  });

  it.each<[string, Stream, (id: string) => Partial<Line>]>([
    ['event_id', 'proofs', (event_id) => ({ state: 'VERIFIED', event_id })],
    ['model_id of a release record', 'releases', (model_id) => traffic('10:00', {}, { model_id })],
    ['release', 'releases', (release) => flag('10:00', release)],
    ['to', 'releases', (to) => rollback('10:00', 'v1', to)],
    ['a release in traffic', 'releases', (release) => traffic('10:00', { [release]: 10_000 })],
    ['blob_ids', 'releases', (blob) => ({ action: 'PUBLISHED', release: 'v1', blob_ids: ['b', blob] })],
    ['flag_id', 'releases', (flag_id) => flag('10:00', 'v1', { flag_id })],
    ['targets', 'releases', (target) => flag('10:00', 'v1', { targets: [target] })],
    [
      'target_id of a release record',
      'releases',
      (target_id) => ({ action: 'TARGET_BOUND', release: 'v1', target_id }),
    ],
    ['inference_id', 'inferences', (inference_id) => ({ inference_id })],
    ['model_id of an inference', 'inferences', (model_id) => ({ inference_id: 'r', model_id })],
    ['release of an inference', 'inferences', (release) => ({ inference_id: 'r', release })],
    ['blob_id', 'inferences', (blob_id) => ({ inference_id: 'r', blob_id })],
    ['target_id', 'inferences', (target_id) => ({ inference_id: 'r', target_id })],
    ['agent_id of an inference', 'inferences', (agent_id) => ({ inference_id: 'r', agent_id })],
    ['session_id of an inference', 'inferences', (session_id) => ({ inference_id: 'r', session_id })],
    ['proof_id', 'proofs', (proof_id) => ({ state: 'VERIFIED', proof_id })],
    ['inference_id of a proof', 'proofs', (inference_id) => ({ state: 'VERIFIED', inference_id })],
    ['target_id of a proof', 'proofs', (target_id) => ({ state: 'VERIFIED', target_id })],
    ['evidence_blob_id', 'proofs', (evidence_blob_id) => ({ state: 'VERIFIED', evidence_blob_id })],
    ['payment_id', 'payments', (payment_id) => ({ payment_id })],
    ['session_id of a payment', 'payments', (session_id) => ({ session_id })],
    ['model_id of a payment', 'payments', (model_id) => ({ model_id })],
    ['an allocation', 'payments', (inference_id) => ({ allocations: [{ inference_id: 'r' }, { inference_id }] })],
    ['agent_id', 'agents', (agent_id) => change({ agent_id })],
    ['change_id', 'agents', (change_id) => change({ change_id })],
    ['model_id of a change', 'agents', (model_id) => change({ model_id })],
    ['caused_by', 'agents', (cause) => change({ caused_by: ['r', cause] })],
    ['upstream_agent_ids', 'agents', (upstream) => change({ upstream_agent_ids: [upstream] })],
    ['reverts_change_id', 'agents', (reverts_change_id) => change({ action: 'REVERTED', reverts_change_id })],
  ])('for a bad %s', (_field, stream, line) => {
    for (const bad of [
      '\u0000',
      'tab\t',
      '\u001f',
      '\u007f',
      '\u0080',
      '\u009f',
      'x'.repeat(513),
      'é'.repeat(257),
      '\u{1F600}'.repeat(129),
    ]) {
      expect(codeOf(stream, line(bad)), JSON.stringify(bad)).toBe('INVALID_ID');
    }
    for (const good of [' ', '~', '\u00a0', '', 'x'.repeat(512), 'é'.repeat(256), '\u{1F600}'.repeat(128), '\u2028']) {
      expect(codeOf(stream, line(good)), JSON.stringify(good)).toBeNull();
    }
  });

  it.each<[string, Record<string, number>]>([
    ['do not sum to 10000', { v1: 9999 }],
    ['sum to more', { v1: 5000, v2: 5001 }],
    ['are negative', { v1: 10_001, v2: -1 }],
    ['are above 10000', { v1: 10_001 }],
    ['are fractions', { v1: 5000.5, v2: 4999.5 }],
  ])('for traffic shares that %s', (_name, shares) => {
    const record = { ...fact('releases', traffic('10:00', {})).record, traffic: shares };
    expect(refusal('releases', record, ms('10:00'))?.code).toBe('INVALID_TRAFFIC');
    const undone = { ...fact('releases', rollback('10:00', 'v1', 'v0')).record, traffic: shares };
    expect(refusal('releases', undone, ms('10:00'))?.code).toBe('INVALID_TRAFFIC');
  });

  it.each<[string, Record<string, number>]>([
    ['are all one release', { v1: 10_000 }],
    ['are a canary', { v1: 9999, v2: 1 }],
    ['are none at all', {}],
    ['are nothing but zeros, which is the same as none', { v1: 0, v2: 0 }],
  ])('not for traffic shares that %s', (_name, shares) => {
    expect(codeOf('releases', traffic('10:00', shares))).toBeNull();
  });

  it.each<[string, Partial<Line>]>([
    ['PUBLISHED without release', { action: 'PUBLISHED' }],
    ['TRAFFIC_SET without traffic', { action: 'TRAFFIC_SET' }],
    ['ROLLED_BACK without release', { action: 'ROLLED_BACK', to: 'v1' }],
    ['ROLLED_BACK without to', { action: 'ROLLED_BACK', release: 'v2' }],
    ['FLAGGED without release', { action: 'FLAGGED', flag_id: 'f' }],
    ['FLAGGED without flag_id', { action: 'FLAGGED', release: 'v1' }],
    ['UNFLAGGED without flag_id', { action: 'UNFLAGGED' }],
    ['TARGET_BOUND without target_id', { action: 'TARGET_BOUND', release: 'v1' }],
    ['TARGET_BOUND without release', { action: 'TARGET_BOUND', target_id: 't' }],
    ['TARGET_UNBOUND without target_id', { action: 'TARGET_UNBOUND' }],
    ['INCIDENT_CLOSED without release', { action: 'INCIDENT_CLOSED' }],
    ['RETIRED without release', { action: 'RETIRED' }],
  ])('as a %s', (reason, line) => {
    const { record } = fact('releases', { at: '10:00', ...line });
    expect(refusal('releases', record, ms('10:00'))).toEqual({ code: 'MISSING_FIELD', reason });
  });

  it('never, when it is a rollback without its own traffic, or an unbinding that names no release', () => {
    expect(codeOf('releases', rollback('10:00', 'v2', 'v1'))).toBeNull();
    expect(codeOf('releases', { action: 'TARGET_UNBOUND', target_id: 't' })).toBeNull();
  });

  it('for an event time that is no whole microsecond', () => {
    const { record } = fact('inferences', { at: '10:00', inference_id: 'r' });
    expect(refusal('inferences', { ...record, occurred_at: 0.5 }, ms('10:00'))?.code).toBe('INVALID_TIME');
  });

  it('for a time in a release record so early that an Avro reader would lose its sign', () => {
    const early = -(2 ** 52) - 1;
    const { record } = fact('releases', flag('10:00', 'v'));
    expect(refusal('releases', record, ms('10:00'))).toBeNull();
    expect(refusal('releases', { ...record, from: early }, ms('10:00'))?.code).toBe('INVALID_TIME');
    expect(refusal('releases', { ...record, from: early + 1 }, ms('10:00'))).toBeNull();
  });
});
