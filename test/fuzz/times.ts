import type { Random } from '../../services/demo/random.js';

/** The day of every random story; its clock times are on it. */
export const DAY = '2026-03-10';
const MIDNIGHT_MICROS = Date.parse(`${DAY}T00:00:00Z`) * 1000;
const MINUTE_MICROS = 60_000_000;
const HOUR_MICROS = 60 * MINUTE_MICROS;
export const DAY_MICROS = 24 * HOUR_MICROS;
const START_MICROS = MIDNIGHT_MICROS + 10 * HOUR_MICROS;
const GRID_MICROS = 10 * MINUTE_MICROS;
const GRID_TICKS = 24;

/** Mostly on a coarse grid, so that times collide; sometimes just beside it, so that bounds are met exactly. */
export function eventTime(random: Random): number {
  const onGrid = START_MICROS + random.below(GRID_TICKS) * GRID_MICROS;
  const beside: Readonly<Record<string, number>> = { on: 40, micro: 1, beforeMicro: 1, milli: 2, second: 2, day: 1 };
  switch (random.weighted(beside)) {
    case 'micro':
      return onGrid + 1;
    case 'beforeMicro':
      return onGrid - 1;
    case 'milli':
      return onGrid + random.between(-1, 1) * 1000;
    case 'second':
      return onGrid + random.between(-90, 90) * 1_000_000;
    case 'day':
      return onGrid + random.between(-1, 9) * DAY_MICROS;
    default:
      return onGrid;
  }
}

/**
 * When the log has a record of that event time: at once, late by minutes, hours, days or months; or, where the source's
 * clock is ahead, before it. Whole milliseconds, as append times are.
 */
export function appendTime(random: Random, occurredAt: number, punctual: number): number {
  const delays = { none: punctual, ticks: 20, hours: 8, days: 3, months: 2, ahead: 3 };
  const wholeMs = Math.floor(occurredAt / 1000) * 1000;
  switch (random.weighted(delays)) {
    case 'ticks':
      return wholeMs + random.between(1, 6) * GRID_MICROS;
    case 'hours':
      return wholeMs + random.between(1, 8) * HOUR_MICROS + random.below(2) * 1000;
    case 'days':
      return wholeMs + random.between(1, 8) * DAY_MICROS;
    case 'months':
      return wholeMs + random.between(30, 100) * DAY_MICROS;
    case 'ahead':
      return wholeMs - random.between(1, 12) * GRID_MICROS;
    default:
      return wholeMs;
  }
}

/** In the notation of scenario files: `10:05`, `+3d 09:00:00.000001`; before the day as ISO-8601. */
export function clockOf(micros: number): string {
  const since = micros - MIDNIGHT_MICROS;
  const days = Math.floor(since / DAY_MICROS);
  const time = new Date(Math.floor((micros - days * DAY_MICROS) / 1000)).toISOString();
  const fraction = String(micros - Math.floor(micros / 1_000_000) * 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const seconds = time.slice(17, 19);
  const exact = fraction === '' ? (seconds === '00' ? '' : `:${seconds}`) : `:${seconds}.${fraction}`;
  if (days >= 0) return `${days === 0 ? '' : `+${days}d `}${time.slice(11, 16)}${exact}`;
  return `${new Date(Math.floor(micros / 1000)).toISOString().slice(0, 16)}${exact}Z`;
}
