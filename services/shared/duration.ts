const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PARTS = /^(?:\d{1,9}(?:ms|s|m|h|d))+$/;

/** Milliseconds of `90s`, `1h30m`, `2d`; null for anything else. */
export function msFromDuration(text: string): number | null {
  if (!PARTS.test(text)) return null;
  let ms = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
    ms += Number(count) * (UNITS_MS[unit] ?? 0);
  return ms;
}
