import { isoFromMicros } from '../shared/core/time.js';
import { parseClock } from './clock.js';

const ISO_ANSWER = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/**
 * Whether an answer is what a story expects (SPEC 10): only the named fields are compared, nested objects likewise,
 * lists whole. Money may be written as a number, times in clock notation.
 */
export function matches(expected: unknown, actual: unknown, dayMicros: number): boolean {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((item, i) => matches(item, actual[i], dayMicros))
    );
  }
  if (isObject(expected)) {
    return (
      isObject(actual) &&
      Object.entries(expected).every(
        ([field, value]) => Object.hasOwn(actual, field) && matches(value, actual[field], dayMicros),
      )
    );
  }
  if (expected === actual) return true;
  if (typeof actual !== 'string') return false;
  if (typeof expected === 'number') return String(expected) === actual;
  if (typeof expected !== 'string' || !ISO_ANSWER.test(actual)) return false;
  const micros = parseClock(expected, dayMicros);
  return micros !== null && isoFromMicros(micros) === actual;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
