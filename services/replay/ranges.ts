import type { OffsetRange } from '../shared/clickhouse/completeness.js';
import { BacktrailError } from '../shared/errors.js';

/** What a run reads of a partition: ranges in their order, all within [from, to). What lies between them is passed over. */
export interface Span extends OffsetRange {
  readonly ranges: readonly OffsetRange[];
}

/** Ranges as text: `0-100,250-251`, each without its end. */
export function rangesText(ranges: readonly OffsetRange[]): string {
  return ranges.map(({ from, to }) => `${from}-${to}`).join(',');
}

/** Throws CONFIG_INVALID for what are no ranges, in their order and apart. */
export function parseRanges(text: string): OffsetRange[] {
  if (text === '') return [];
  const ranges = text.split(',').map((one): OffsetRange => {
    const [, from = '', to = ''] = /^(\d+)-(\d+)$/.exec(one) ?? [];
    return { from: BigInt(from), to: BigInt(to) };
  });
  const isOrdered = ranges.every(({ from, to }, i) => from < to && (ranges[i - 1]?.to ?? -1n) < from);
  if (!isOrdered) throw new BacktrailError('CONFIG_INVALID', `these are no ranges of offsets: ${text.slice(0, 80)}`);
  return ranges;
}

/**
 * Ranges in any order as ranges in their order; what lies between two of them and is no longer than `through` is read, too:
 *
 *   [--)  [----)            [-)        needed
 *   [----------)            [-)        read
 */
export function joined(ranges: readonly OffsetRange[], through: bigint): OffsetRange[] {
  const result: { from: bigint; to: bigint }[] = [];
  for (const { from, to } of [...ranges].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))) {
    const last = result.at(-1);
    if (from >= to) continue;
    if (last !== undefined && from <= last.to + through) last.to = to > last.to ? to : last.to;
    else result.push({ from, to });
  }
  return result;
}

/** What of the ranges lies within [from, to). */
export function clipped(ranges: readonly OffsetRange[], { from, to }: OffsetRange): OffsetRange[] {
  return ranges
    .map((range) => ({ from: range.from < from ? from : range.from, to: range.to > to ? to : range.to }))
    .filter((range) => range.from < range.to);
}

export function offsetsIn(ranges: readonly OffsetRange[]): bigint {
  return ranges.reduce((sum, { from, to }) => sum + (to - from), 0n);
}
