const REPLACEMENT = '\uFFFD';
const REPLACEMENT_BYTES = Buffer.from(REPLACEMENT);

/**
 * Whether decoding put U+FFFD where the bytes have none, which is what Node does with bytes that are not UTF-8. Two
 * broken ids would become one id. A writer's own U+FFFD is text like any other.
 */
export function holdsInventedText(record: Record<string, unknown>, bytes: Buffer): boolean {
  const decoded = replacementsIn(record);
  return decoded > 0 && decoded > occurrences(bytes);
}

function replacementsIn(value: unknown): number {
  if (typeof value === 'string') return value.includes(REPLACEMENT) ? value.split(REPLACEMENT).length - 1 : 0;
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += replacementsIn(item);
    return count;
  }
  for (const key in value) {
    count += replacementsIn((value as Record<string, unknown>)[key]);
  }
  return count;
}

function occurrences(bytes: Buffer): number {
  let count = 0;
  let at = bytes.indexOf(REPLACEMENT_BYTES);
  while (at !== -1) {
    count += 1;
    at = bytes.indexOf(REPLACEMENT_BYTES, at + REPLACEMENT_BYTES.length);
  }
  return count;
}
