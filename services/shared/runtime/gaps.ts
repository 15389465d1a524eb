import type { Batch } from './ports.js';

export interface Gap {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * The offsets between where reading stood and where it stands after the batch that gave no record:
 *
 *   expected          records            nextOffset
 *      |---- gap ----| r r r |-- gap --| r |- gap -|
 */
export function gapsIn(batch: Batch, expected: bigint): Gap[] {
  const { records } = batch;
  const first = records[0]?.offset ?? expected;
  // As good as always: offsets only grow, so where their number fits none is missing.
  if (first <= expected && first + BigInt(records.length) === batch.nextOffset) return [];
  const gaps: Gap[] = [];
  let next = expected;
  for (const { offset } of records) {
    if (offset > next) gaps.push({ from: next, to: offset });
    if (offset >= next) next = offset + 1n;
  }
  if (batch.nextOffset > next) gaps.push({ from: next, to: batch.nextOffset });
  return gaps;
}

/** Number of offsets in some gaps. */
export function sizeOf(gaps: readonly Gap[]): number {
  return gaps.reduce((sum, { from, to }) => sum + Number(to - from), 0);
}

interface Origin {
  readonly service: string;
  readonly topic: string;
  readonly partition: number;
}

export type GapReason = 'BEFORE_RETENTION' | 'NO_RECORD';

export function gapRow(gap: Gap, reason: GapReason, { service, topic, partition }: Origin): object {
  return {
    topic,
    partition,
    from_offset: gap.from.toString(),
    to_offset: gap.to.toString(),
    service,
    reason,
  };
}
