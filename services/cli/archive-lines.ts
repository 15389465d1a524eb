import type { LostRange } from '../archive/manifest.js';
import type { HeldRange, Problem } from '../archive/verify.js';
import { tableLines, type Column } from './table.js';

const right = (title: string): Column => ({ title, align: 'right' });
const COLUMNS: readonly Column[] = [
  { title: 'topic' },
  ...['part', 'from', 'to', 'files', 'records', 'no record', 'bytes'].map(right),
];

/** A table of what lies in some files, by partition. */
export function rangeLines(ranges: readonly HeldRange[]): string[] {
  return tableLines(
    COLUMNS,
    ranges.map(({ topic, partition, from, to, segments, records, missing, bytes }) => {
      const last = (BigInt(to) - 1n).toString();
      return [topic, String(partition), from, last, String(segments), String(records), missing, String(bytes)];
    }),
  );
}

export function lostLines(lost: readonly LostRange[]): string[] {
  return lost.map((range) => `lost: ${spanText(range)}, deleted before they were archived`);
}

export function problemLine({ topic, partition, from, to, file, problem }: Problem): string {
  if (topic === null || partition === null || from === null || to === null) return `${file}: ${problem}`;
  return `${spanText({ topic, partition, from, to })}: ${problem} (${file})`;
}

function spanText({ topic, partition, from, to }: LostRange): string {
  return `${topic} partition ${String(partition)} offsets ${from} to ${(BigInt(to) - 1n).toString()}`;
}
