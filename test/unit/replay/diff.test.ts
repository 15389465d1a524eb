import { describe, expect, it } from 'vitest';

import type { Content } from '../../../services/replay/content.js';
import { pairs } from '../../../services/replay/diff.js';

const RECORDS: Content = { name: 'proof_records', view: 'proof_records', keys: ['event_id'], where: '1' };
const VERDICTS: Content = { name: 'verdicts', view: 'verdicts', keys: ['id', 'known_at'], where: '1', rule: 'SPEC 5' };

describe('rows that two sides do not share', () => {
  it('are one row with fields that differ where the key is the same, explained by the record', () => {
    const row = { event_id: 'e', partition: 2, offset: '17', state: 'VERIFIED' };
    expect(pairs(RECORDS, [row], [{ ...row, state: 'FAILED' }])).toEqual([
      {
        table: 'proof_records',
        key: { event_id: 'e' },
        field: 'state',
        left: 'VERIFIED',
        right: 'FAILED',
        because: { partition: 2, offset: '17', event_id: 'e' },
      },
    ]);
  });

  it('are missing on the other side where it has no row of the key, explained by the rule', () => {
    const [one, two] = [
      { id: 'i1', known_at: 'then', release: 'v2' },
      { id: 'i1', known_at: 'later', release: 'v1' },
    ];
    const found = pairs(VERDICTS, [one], [two]);
    expect(found.map(({ left, right }) => [left, right])).toEqual([
      [one, null],
      [null, two],
    ]);
    expect(found[0]?.because).toEqual({ rule: 'SPEC 5', known_at: 'then' });
  });
});
