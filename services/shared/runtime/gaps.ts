import type { Batch } from './ports.js';

/**
 * BEFORE_RETENTION: records that the log deleted before they were read. They were appended between these times.
 * NO_RECORD: offsets inside the log that are nobody's record, as the markers of transactions. Nothing was lost.
 * OUT_OF_SCOPE: what a replay passed over, as it is about something else.
 */
export type GapReason = 'BEFORE_RETENTION' | 'NO_RECORD' | 'OUT_OF_SCOPE';

export interface Gap {
  readonly from: bigint;
  readonly to: bigint;
  readonly reason: GapReason;
  /** No record of the gap was appended before; 0 when nothing is known. */
  readonly appendedAfterMs: number;
  /** Nor after; 0 when nothing is known. */
  readonly appendedBeforeMs: number;
}

/** Where reading stands. */
interface Read {
  readonly readOffset: bigint;
  /** Greatest append time applied: never more than that of what comes next. */
  readonly appliedUntilMs: number;
}

/**
 * The offsets between where reading stood and where it stands after the batch that gave no record. What lies before the
 * offset that was fetched is not in the log any more:
 *
 *   readOffset        startOffset          records            nextOffset
 *      |-- BEFORE_RETENTION --|-- NO_RECORD --| r r r |-- gap --| r |- gap -|
 */
export function gapsIn(batch: Batch, { readOffset, appliedUntilMs }: Read): Gap[] {
  const { records, startOffset = readOffset } = batch;
  const first = records[0]?.offset ?? readOffset;
  // As good as always: offsets only grow, so where their number fits none is missing.
  if (first <= readOffset && first + BigInt(records.length) === batch.nextOffset) return [];
  const gaps: Gap[] = [];
  let next = readOffset;
  const withoutRecord = (to: bigint): void => {
    const reason = batch.passedOver === true ? 'OUT_OF_SCOPE' : 'NO_RECORD';
    if (to > next) gaps.push({ from: next, to, reason, appendedAfterMs: 0, appendedBeforeMs: 0 });
    if (to > next) next = to;
  };
  if (startOffset > readOffset) {
    const appendedBeforeMs = records[0]?.appendedAtMs ?? batch.askedAtMs ?? 0;
    gaps.push({
      from: next,
      to: startOffset,
      reason: 'BEFORE_RETENTION',
      appendedAfterMs: appliedUntilMs,
      appendedBeforeMs,
    });
    next = startOffset;
  }
  for (const { offset } of records) {
    withoutRecord(offset);
    if (offset >= next) next = offset + 1n;
  }
  withoutRecord(batch.nextOffset);
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

export function gapRow(gap: Gap, { service, topic, partition }: Origin): object {
  return {
    topic,
    partition,
    from_offset: gap.from.toString(),
    to_offset: gap.to.toString(),
    service,
    reason: gap.reason,
    appended_after: gap.appendedAfterMs,
    appended_before: gap.appendedBeforeMs,
  };
}
