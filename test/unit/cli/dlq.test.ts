import { describe, expect, it } from 'vitest';

import { exitOf } from '../../../services/cli/dlq-report.js';
import type { Result } from '../../../services/cli/dlq-redrive.js';
import { EXIT } from '../../../services/cli/exit.js';
import type { Fate } from '../../../services/dlq/fates.js';
import { copyHeaders, redriveIdOf } from '../../../services/dlq/headers.js';
import { fieldIn } from '../../../services/dlq/outlook.js';
import { idOf, positionOf } from '../../../services/dlq/position.js';

const HEADER = (name: string, value: string) => ({ name, value: Buffer.from(value) });

describe('a redriven copy', () => {
  const provenance = { redriveId: 'second', from: 't/0/7', by: 'alice', at: '2026-03-10T10:00:00.000Z' };

  it("has its producer's headers untouched and in their order, and ours behind them", () => {
    const own = [HEADER('b', '1'), { name: 'a', value: null }, HEADER('b', '2')];
    const headers = copyHeaders(own, provenance);
    expect(headers.slice(0, 3)).toEqual(own);
    expect(headers.slice(3).map(({ name, value }) => `${name}=${String(value)}`)).toEqual([
      'backtrail.redriven.id=second',
      'backtrail.redriven.from=t/0/7',
      'backtrail.redriven.by=alice',
      'backtrail.redriven.at=2026-03-10T10:00:00.000Z',
    ]);
  });

  it('of a copy says only where it comes from itself', () => {
    const first = copyHeaders([HEADER('a', '1')], { ...provenance, redriveId: 'first' });
    const second = copyHeaders(first, provenance);
    expect(second).toHaveLength(first.length);
    expect(redriveIdOf(second)).toBe('second');
  });
});

describe('the id of a dead letter', () => {
  it.each([
    ['inferences/2/17', 'p.opengradient.inferences.v1/2/17'],
    ['opengradient.inferences.v1/2/17', 'p.opengradient.inferences.v1/2/17'],
    ['p.opengradient.inferences.v1/2/17', 'p.opengradient.inferences.v1/2/17'],
    ['alerts/0/1', null],
    ['inferences/0', null],
    ['inferences/-1/0', null],
    ['nothing/0/0', null],
  ])('%s', (text, id) => {
    const position = positionOf(text, 'p.');
    expect(position === null ? null : idOf(position)).toBe(id);
  });
});

describe('the field that a reason names', () => {
  it.each([
    ['cost is not a whole number of the smallest unit', 'cost'],
    ['allocations.amount is more than 2^256 - 1', 'allocations.amount'],
    ['traffic sums to 9, not to 10000', 'traffic'],
    ['FLAGGED without flag_id', 'flag_id'],
    ['not a record of schema 3: action has a symbol that this version does not know', 'action'],
    ['the record has no value', null],
  ])('%s', (reason, field) => {
    expect(fieldIn(reason)).toBe(field);
  });
});

describe('the exit code of a redrive', () => {
  const result = (sending: Result['sending'], fate: Fate | null): Result => {
    return { letter: {} as Result['letter'], sending, to: null, fate };
  };
  const dead: Fate = { kind: 'dead', code: 'INVALID_ID', reason: 'x' };
  it.each([
    [
      'all are applied or known',
      [result('sent', { kind: 'applied' }), result('before', { kind: 'duplicate' })],
      EXIT.ok,
    ],
    ['one is dead again', [result('sent', { kind: 'pending' }), result('sent', dead)], EXIT.findings],
    ['one would be', [result('spared', dead)], EXIT.findings],
    ['one is not applied in time', [result('sent', { kind: 'pending' })], EXIT.failure],
    ['somebody else sends it', [result('under_way', null)], EXIT.failure],
  ])('when %s', (_name, results, code) => {
    expect(exitOf(results, true)).toBe(code);
  });

  it('says nothing of what nobody waited for', () => {
    expect(exitOf([result('sent', { kind: 'pending' })], false)).toBe(EXIT.ok);
  });
});
