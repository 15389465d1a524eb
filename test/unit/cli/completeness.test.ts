import { describe, expect, it } from 'vitest';

import {
  completenessJson,
  completenessLines,
  completenessSentences,
} from '../../../services/cli/completeness-lines.js';
import type { PartitionReport, TopicReport } from '../../../services/cli/completeness-run.js';

const FULL: PartitionReport = {
  partition: 0,
  first: 0n,
  last: 9n,
  nextOffset: 10n,
  applied: 7n,
  duplicate: 1n,
  conflicts: 0n,
  deadLettered: 1n,
  gaps: 1n,
  missing: 0n,
  missingRanges: [],
  lag: 0n,
  otherLog: null,
};

function topic(...partitions: Partial<PartitionReport>[]): TopicReport {
  return { topic: 't', partitions: partitions.map((one) => ({ ...FULL, ...one })), conflicts: [], lost: [] };
}

describe('the report on completeness', () => {
  it('has a line a partition, and is well when all is accounted for', () => {
    expect(completenessLines([topic({}, { partition: 1, first: null, last: null })])).toEqual([
      'topic  part  first  last  applied  duplicate  conflicts  dead  gaps  missing  lag',
      't         0      0     9        7          1          0     1     1        0    0',
      't         1      -     -        7          1          0     1     1        0    0',
    ]);
    expect(completenessSentences([topic({})])).toEqual({
      complete: true,
      sentences: ['Every offset up to what is applied is accounted for.'],
    });
  });

  it('says what is behind, which is no fault', () => {
    expect(completenessSentences([topic({ lag: 3n }, { lag: 2n })])).toEqual({
      complete: true,
      sentences: ['Every offset up to what is applied is accounted for.', '5 offsets are not applied yet.'],
    });
  });

  it('names every range that is missing, with its last offset', () => {
    const lost = topic({
      missing: 3n,
      missingRanges: [
        { from: 4n, to: 6n },
        { from: 8n, to: 9n },
      ],
    });
    expect(completenessLines([lost]).slice(2)).toEqual([
      '',
      'missing: t partition 0 offsets 4 to 5',
      'missing: t partition 0 offsets 8 to 8',
    ]);
    expect(completenessSentences([lost])).toMatchObject({ complete: false });
    expect(completenessJson([lost])).toMatchObject({
      complete: false,
      missing: [{ topic: 't', partition: 0, from: 4n, to: 6n }, { from: 8n }],
    });
  });

  it('does not flood a terminal', () => {
    const missingRanges = Array.from({ length: 30 }, (_, i) => ({ from: BigInt(2 * i), to: BigInt(2 * i + 1) }));
    const lines = completenessLines([topic({ missing: 30n, missingRanges })]);
    expect(lines).toHaveLength(2 + 1 + 20 + 1);
    expect(lines.at(-1)).toBe('and 10 more (--json)');
  });

  it('shows a contradicting copy with its position, and no control character of its id', () => {
    const conflict = { partition: 2, offset: '7', event_id: 'e\u001b[2J', of_partition: 0, of_offset: '3' };
    expect(completenessLines([{ ...topic({}), conflicts: [conflict] }]).at(-1)).toBe(
      'EVENT_ID_CONFLICT: t partition 2 offset 7, event e\\u001b[2J, differs from partition 0 offset 3',
    );
  });

  it('notices a log that is not the one that was applied', () => {
    const { complete, sentences } = completenessSentences([topic({ last: 4n, otherLog: 't partition 0 ends at 5' })]);
    expect(complete).toBe(false);
    expect(sentences[0]).toBe('t partition 0 ends at 5: it is another log. See LOG_REPLACED in the runbook.');
  });

  it('says what the log deleted before it was read, and between which append times that lies', () => {
    const times = { appendedAfterMs: Date.UTC(2026, 2, 10), appendedBeforeMs: Date.UTC(2026, 2, 11) };
    const lost = [{ topic: 't', partition: 1, from: 3n, to: 6n, ...times }];
    expect(completenessLines([{ ...topic({}), lost }]).at(-1)).toBe(
      'lost: t partition 1 offsets 3 to 5, deleted before they were read; appended from 2026-03-10T00:00:00.000Z to ' +
        '2026-03-11T00:00:00.000Z',
    );
    expect(completenessSentences([{ ...topic({}), lost }]).complete).toBe(true);
  });
});
