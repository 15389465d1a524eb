/** Event times are microseconds, append and knowledge times milliseconds since 1970 UTC. */
export const MICROS_PER_MS = 1000;
export const MINUTE_MICROS = 60_000_000;
export const HOUR_MICROS = 60 * MINUTE_MICROS;
export const DAY_MICROS = 24 * HOUR_MICROS;

/** `2026-03-10T10:05:00.000Z`; microseconds below the millisecond are cut off, as in every answer. */
export function isoFromMicros(micros: number): string {
  return new Date(Math.floor(micros / MICROS_PER_MS)).toISOString();
}

export function isoFromMs(ms: number): string {
  return new Date(ms).toISOString();
}

/** A half-open span `[from, to)` of event time; `null` is open. */
export interface Span {
  readonly from: number | null;
  readonly to: number | null;
}

export function contains(span: Span, micros: number): boolean {
  return (span.from === null || span.from <= micros) && (span.to === null || micros < span.to);
}

/** The common part of two spans, or null where they do not meet. */
export function intersection(a: Span, b: Span): Span | null {
  const from = a.from === null ? b.from : b.from === null ? a.from : Math.max(a.from, b.from);
  const to = a.to === null ? b.to : b.to === null ? a.to : Math.min(a.to, b.to);
  return from !== null && to !== null && from >= to ? null : { from, to };
}

export function overlaps(a: Span, b: Span): boolean {
  return intersection(a, b) !== null;
}
