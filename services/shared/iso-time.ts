/** Years before 1970 or beyond 2255 do not fit exact microseconds in a double; nothing of ours happens there. */
const MICROS_MAX = Number.MAX_SAFE_INTEGER;

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|z|[+-]\d\d(?::?\d\d)?)?$/;

/**
 * Microseconds since 1970 of an ISO-8601 time: a date, or date and time with or without seconds, fraction and zone (UTC when
 * there is none, as everywhere in Backtrail). Digits below the microsecond are cut off. Null for anything else, also for days that do not exist.
 */
export function microsFromIso(text: string): number | null {
  const match = ISO.exec(text.trim());
  if (!match) return null;
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] =
    match;
  const wallMs = Date.UTC(+year, +month - 1, +day, +hour, +minute, +second);
  const asWritten = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  if (Number.isNaN(wallMs) || new Date(wallMs).toISOString().slice(0, 19) !== asWritten) return null;
  const offsetMinutes = zoneMinutes(zone);
  if (offsetMinutes === null) return null;
  const micros = (wallMs - offsetMinutes * 60_000) * 1000 + +fraction.padEnd(6, '0').slice(0, 6);
  return Math.abs(micros) <= MICROS_MAX ? micros : null;
}

function zoneMinutes(zone: string): number | null {
  if (zone === 'Z' || zone === 'z') return 0;
  const hours = +zone.slice(1, 3);
  const minutes = +(zone.slice(3).replace(':', '') || '0');
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}
