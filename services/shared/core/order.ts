import type { Fact } from './record.js';

/**
 * Compares by UTF-8 bytes, which is the order of code points: JavaScript's own `<` compares UTF-16 units and puts
 * characters beyond the basic plane before U+E000.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** The distinct ids, in UTF-8 order. */
export function sortedIds(ids: Iterable<string>): string[] {
  return [...new Set(ids)].sort(compareUtf8);
}

/**
 * Log order (SPEC 2): append time, then the smaller key, then partition and offset. Two records of one key share a
 * partition, so the key only decides between keys, where offsets of different partitions say nothing.
 */
export function compareLogOrder(a: Fact<unknown>, b: Fact<unknown>): number {
  return (
    a.position.appendedAtMs - b.position.appendedAtMs ||
    compareUtf8(a.key, b.key) ||
    a.position.partition - b.position.partition ||
    compareBigint(a.position.offset, b.position.offset)
  );
}

export function compareBigint(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** (`occurred_at`, append order): the order in which the records of one proof, payment or agent tell their story. */
export function compareEventOrder(
  a: Fact<{ readonly occurred_at: number }>,
  b: Fact<{ readonly occurred_at: number }>,
): number {
  return a.record.occurred_at - b.record.occurred_at || compareLogOrder(a, b);
}
