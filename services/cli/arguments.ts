import { microsFromIso } from '../shared/iso-time.js';
import { usageError } from './exit.js';

const EXAMPLE = '2026-03-10T10:05:00Z';

/** Event time in microseconds. */
export function eventTimeArgument(option: string, text: string): number {
  const micros = microsFromIso(text);
  if (micros === null) throw usageError(`${option} is not an ISO-8601 time such as ${EXAMPLE}, until 2255: ${text}`);
  return micros;
}

/**
 * Knowledge time in milliseconds. What is below the millisecond is cut off: append times have none, so the same records are
 * known.
 */
export function knowledgeTimeArgument(option: string, text: string): number {
  return Math.floor(eventTimeArgument(option, text) / 1000);
}

export function wholeNumberArgument(option: string, text: string, least: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least)) throw usageError(`${option} is not a whole number of at least ${least}: ${text}`);
  return value;
}
