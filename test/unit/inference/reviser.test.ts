import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { InferenceReviser } from '../../../services/inference/reviser.js';
import type { InferenceFact } from '../../../services/shared/core/record.js';
import { refusal } from '../../../services/shared/core/validate.js';
import { check } from '../../properties/check.js';
import { nativePage } from '../runtime/native-page.fixture.js';
import { inferenceRecord, minute, releaseRecord } from '../runtime/records.fixture.js';
import { readBlock } from './native-reader.fixture.js';
import { inference, logOf, optional, release, rowOf } from './stories.fixture.js';

const START_MS = minute(0) / 1000;

function pageOf(reviser: InferenceReviser, rows: readonly Record<string, unknown>[], blockRows: number): Buffer {
  return nativePage(rows, reviser.columns, blockRows);
}

describe('the reviser', () => {
  it('makes the rows that are made at once of the same records, however its pages are cut into blocks', () => {
    const stories = fc.record({
      before: fc.array(release, { maxLength: 6 }),
      later: fc.array(release, { minLength: 1, maxLength: 6 }),
      inferences: fc.array(fc.tuple(inference, fc.nat(9), optional(fc.string())), { minLength: 1, maxLength: 20 }),
      blockRows: fc.integer({ min: 1, max: 20 }),
    });
    check(stories, 500, ({ before, later, inferences, blockRows }) => {
      const log = logOf(before, (i) => START_MS + i);
      const facts = inferences
        .filter(([record]) => refusal('inferences', record, START_MS) === null)
        .map(([record, after, key], i): InferenceFact => ({
          record,
          key: key ?? '',
          position: { partition: i % 3, offset: BigInt(i) + 2n ** 33n, appendedAtMs: START_MS + after },
        }));
      const reviser = new InferenceReviser({
        log,
        get nextOffset() {
          return log.nextOffset;
        },
      });
      const page = pageOf(
        reviser,
        facts.map((fact) => rowOf(fact, log)),
        blockRows,
      );
      for (const [i, record] of [null, ...later].entries()) {
        const offset = BigInt(before.length + i);
        const position = { partition: 0, offset, appendedAtMs: START_MS + 5 + i };
        if (record !== null) log.apply({ record: { ...record, event_id: `later ${i}` }, key: '', position });
        const revised = reviser.revise(page);
        const rows = revised.blocks.flatMap(({ bytes }) => readBlock(bytes));
        expect(rows).toEqual(facts.map((fact) => rowOf(fact, log)));
        expect(revised.rowCount).toBe(facts.length);
        const last = facts.at(-1);
        expect(revised.last).toEqual(last === undefined ? null : placeOf(last));
        for (const block of revised.blocks) block.release();
      }
    });
  });

  it('has the columns it says', () => {
    const log = logOf([releaseRecord({ action: 'TRAFFIC_SET', traffic: { v1: 10_000 } })], () => START_MS);
    const reviser = new InferenceReviser({ log, nextOffset: log.nextOffset });
    const fact = factOf(0, 'a');
    const [block] = reviser.revise(pageOf(reviser, [rowOf(fact, log)], 1)).blocks;
    expect(block?.columns).toEqual(Object.keys(readBlock(block?.bytes ?? Buffer.alloc(0))[0] ?? {}));
    expect([...(block?.columns ?? [])].sort()).toEqual(Object.keys(rowOf(fact, log)).sort());
  });

  it('has room for pages of names that are all new, one after the other', () => {
    const log = logOf([releaseRecord({ action: 'TRAFFIC_SET', traffic: { v1: 10_000 } })], () => START_MS);
    const reviser = new InferenceReviser({ log, nextOffset: log.nextOffset });
    for (const prefix of ['a', 'b', 'c']) {
      const facts = Array.from({ length: reviser.rowsMax }, (_, i) => factOf(i, `${prefix}${i}`));
      const rows = facts.map((fact) => rowOf(fact, log));
      const { blocks, rowCount } = reviser.revise(pageOf(reviser, rows, rows.length));
      expect(rowCount).toBe(facts.length);
      expect(readBlock(blocks[0]?.bytes ?? Buffer.alloc(0))[facts.length - 1]).toEqual(rows.at(-1));
    }
  });
});

function factOf(i: number, name: string): InferenceFact {
  const names = { release: `claim ${name}`, blob_id: `blob ${name}`, target_id: `target ${name}` };
  return {
    record: inferenceRecord(`i${i}`, { model_id: `model ${name}`, ...names }),
    key: 'key',
    position: { partition: 1, offset: BigInt(i), appendedAtMs: START_MS },
  };
}

function placeOf({ record, position }: InferenceFact): object {
  const { partition, offset } = position;
  return { occurredAt: record.occurred_at, inferenceId: record.inference_id, partition, offset };
}
