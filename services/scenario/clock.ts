import { DAY_MICROS } from '../shared/core/time.js';

const CLOCK = /^(?:\+(\d{1,5})d )?(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/;
const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z$/;

/**
 * A clock time of a scenario in microseconds since 1970 UTC: `10:05`, `10:05:30.250`, `+3d 09:00`; or an ISO-8601
 * time in UTC. Null for anything else.
 *
 * @param dayMicros midnight of the scenario's day
 */
export function parseClock(text: string, dayMicros: number): number | null {
  const clock = CLOCK.exec(text);
  if (clock !== null) {
    const [days, hours, minutes, seconds] = [clock[1], clock[2], clock[3], clock[4]].map((part) => Number(part ?? 0));
    if ((hours as number) > 23 || (minutes as number) > 59 || (seconds as number) > 59) return null;
    const wholeSeconds = ((hours as number) * 60 + (minutes as number)) * 60 + (seconds as number);
    return dayMicros + (days as number) * DAY_MICROS + wholeSeconds * 1_000_000 + fraction(clock[5]);
  }
  return parseIso(text);
}

/** An ISO-8601 time in UTC in microseconds, or null. */
export function parseIso(text: string): number | null {
  const iso = ISO.exec(text);
  if (iso === null) return null;
  const digits = iso[2]?.slice(1);
  const ms = Date.parse(digits === undefined ? text : text.replace(`.${digits}`, ''));
  // Date.parse takes 30 February for 2 March.
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(text.slice(0, 16))) return null;
  return ms * 1000 + fraction(digits);
}

function fraction(digits: string | undefined): number {
  return digits === undefined ? 0 : Number(digits.padEnd(6, '0'));
}
