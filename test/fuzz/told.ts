import type { Random } from '../../services/demo/random.js';
import type { Stream } from '../../services/shared/core/record.js';
import type { Cast } from './cast.js';

/** A record as a story tells it. All times in microseconds; `arrives` is the append time. */
export interface Told {
  readonly topic: Stream;
  readonly at: number;
  readonly arrives: number;
  /** By their Avro names, `event_id` among them; what is null is left out. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a writer of records draws from. */
export interface Teller {
  readonly random: Random;
  readonly cast: Cast;
}

export type Fields = Readonly<Record<string, unknown>>;

/** One of the list so often, else nothing. */
export function maybe<T>(random: Random, probability: number, list: readonly T[]): T | null {
  return random.chance(probability) ? random.pick(list) : null;
}

/** Some of the list, each with that probability, in its order. */
export function some<T>(random: Random, probability: number, list: readonly T[]): T[] {
  return list.filter(() => random.chance(probability));
}
