import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { tellApart, type CopyVerdict } from '../../services/shared/core/copies.js';
import { firstCopies, firstInferences } from '../../services/shared/core/identity.js';
import type { Fact } from '../../services/shared/core/record.js';
import { check } from './check.js';

interface Told {
  readonly event_id: string;
  readonly inference_id: string;
  readonly content: string;
}

const PARTITIONS = 3;

/** A log of few events and inferences, so that they meet; the append times of a partition never run backwards. */
const log = fc
  .array(
    fc.record({
      partition: fc.nat(PARTITIONS - 1),
      event: fc.constantFrom('a', 'b', 'c', 'd'),
      inference: fc.constantFrom('r', 's', 't', 'u'),
      content: fc.constantFrom('x', 'y'),
      later: fc.nat(2),
    }),
    { minLength: 1, maxLength: 14 },
  )
  .map((records) => {
    const next = Array.from({ length: PARTITIONS }, () => ({ offset: 0n, atMs: 0 }));
    return records.map(({ partition, event, inference, content, later }): Fact<Told> => {
      const at = next[partition] as { offset: bigint; atMs: number };
      at.atMs += later;
      const position = { partition, offset: at.offset, appendedAtMs: at.atMs };
      at.offset += 1n;
      return { record: { event_id: event, inference_id: inference, content }, key: inference, position };
    });
  });

/** What happens next: a partition gets its next record, or is looked at; what was seen is written at once or later. */
const steps = fc.array(fc.record({ partition: fc.nat(PARTITIONS - 1), settles: fc.boolean(), lateBy: fc.nat(3) }), {
  maxLength: 40,
});

function place({ position }: Fact<unknown>): string {
  return `${position.partition}/${position.offset}`;
}

function said({ fact, finding, of, copies }: CopyVerdict<Told>): [string, string] {
  return [place(fact), `${finding ?? 'counts'} ${place(of)} ${copies}`];
}

/** All that the new records share something with, directly or through others. */
function closed(table: readonly Fact<Told>[], fresh: readonly Fact<Told>[]): Fact<Told>[] {
  const found = new Set(fresh);
  const isNear = (a: Told, b: Told): boolean => a.event_id === b.event_id || a.inference_id === b.inference_id;
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const fact of table) if ([...found].some(({ record }) => isNear(record, fact.record))) found.add(fact);
  }
  return [...found];
}

interface Step {
  readonly partition: number;
  readonly settles: boolean;
  readonly lateBy: number;
}

/** The rows that hold in the end: of two about one record that with more copies, else the later. */
function rowsAfter(facts: readonly Fact<Told>[], schedule: readonly Step[]): CopyVerdict<Told>[] {
  const table: Fact<Told>[] = [];
  const settled = new Map<number, bigint>();
  const rows = new Map<string, CopyVerdict<Told>>();
  const waiting: { inSteps: number; verdicts: CopyVerdict<Told>[] }[] = [];
  const write = (verdicts: readonly CopyVerdict<Told>[]): void => {
    for (const verdict of verdicts) {
      const known = rows.get(place(verdict.fact));
      if (known === undefined || verdict.copies >= known.copies) rows.set(place(verdict.fact), verdict);
    }
  };
  const settle = (partition: number): CopyVerdict<Told>[] => {
    const mine = table.filter(({ position }) => position.partition === partition);
    const fresh = mine.filter(({ position }) => position.offset >= (settled.get(partition) ?? 0n));
    settled.set(partition, BigInt(mine.length));
    return tellApart(closed(table, fresh));
  };
  for (const { partition, settles, lateBy } of schedule) {
    for (const one of waiting) one.inSteps -= 1;
    for (const one of waiting.filter(({ inSteps }) => inSteps === 0)) write(one.verdicts);
    const next = facts.find((fact) => fact.position.partition === partition && !table.includes(fact));
    if (!settles && next !== undefined) table.push(next);
    else if (lateBy === 0) write(settle(partition));
    else waiting.push({ inSteps: lateBy, verdicts: settle(partition) });
  }
  table.push(...facts.filter((fact) => !table.includes(fact)));
  for (let partition = 0; partition < PARTITIONS; partition += 1) write(settle(partition));
  for (const one of waiting.filter(({ inSteps }) => inSteps > 0)) write(one.verdicts);
  return [...rows.values()];
}

describe('copies', () => {
  it('come out the same whoever settles when, and however late the verdicts are written (L1)', () => {
    check(fc.tuple(log, steps), 1_000, ([facts, schedule]) => {
      const rows = rowsAfter(facts, schedule);
      expect(new Map(rows.map(said))).toEqual(new Map(tellApart(facts).map(said)));
    });
  });

  it('that count are those that the answers count: the first of each event, and of those the first of each inference', () => {
    check(log, 1_000, (facts) => {
      const ignored = tellApart(facts).filter(({ finding }) => finding !== null);
      const left = facts.filter((fact) => !ignored.some((one) => one.fact === fact));
      const counting = [...firstInferences(firstCopies(facts).counting).values()];
      expect(new Set(left)).toEqual(new Set(counting));
    });
  });

  it('of what is known at any moment are those of the whole log, as far as they are appended (L2)', () => {
    check(fc.tuple(log, fc.nat(28)), 1_000, ([facts, knownMs]) => {
      const known = facts.filter(({ position }) => position.appendedAtMs <= knownMs);
      const counts = (all: readonly Fact<Told>[]): string[] => {
        const ignored = new Set(tellApart(all).flatMap((one) => (one.finding === null ? [] : [place(one.fact)])));
        return known.map(place).filter((position) => !ignored.has(position));
      };
      expect(counts(facts)).toEqual(counts(known));
    });
  });
});
