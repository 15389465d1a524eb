import type { Span } from '../runtime/settler.js';
import type { Params } from './client.js';

/** Servers take up to 128 KiB of one parameter. */
const PARAMETER_BYTES_MAX = 100_000;

export interface Listed {
  /** What stands behind IN. */
  readonly sql: string;
  /** The list as an array. */
  readonly array: string;
  readonly params: Params;
}

/**
 * A list of strings as parameters of one statement, as many as it takes, so that a long list is still one look at the table.
 * @param name starts the names of the parameters
 */
export function listed(name: string, values: readonly string[]): Listed {
  const parts: string[][] = [[]];
  let room = PARAMETER_BYTES_MAX;
  for (const value of values) {
    // Escaping can double it; and its quotes and comma.
    const bytes = 2 * Buffer.byteLength(value) + 3;
    if (bytes > room && parts.at(-1)?.length !== 0) {
      parts.push([]);
      room = PARAMETER_BYTES_MAX;
    }
    parts.at(-1)?.push(value);
    room -= bytes;
  }
  const names = parts.map((_, i) => `{${name}${i}:Array(String)}`);
  const array = names.length === 1 ? names.join('') : `arrayConcat(${names.join(', ')})`;
  return {
    sql: `(SELECT arrayJoin(${array}))`,
    array,
    params: Object.fromEntries(parts.map((part, i) => [`${name}${i}`, part])),
  };
}

/** The records whose offsets lie in some spans, at least one. */
export function within(spans: readonly Span[]): string {
  return spans
    .map(({ partition, from, to }) => `(partition = ${partition} AND offset >= ${from} AND offset < ${to})`)
    .join(' OR ');
}

/** Where some records lie: of each partition from the first to the last. */
export function spansOf(positions: Iterable<{ readonly partition: number; readonly offset: bigint }>): Span[] {
  const spans = new Map<number, Span>();
  for (const { partition, offset } of positions) {
    const { from = offset, to = offset + 1n } = spans.get(partition) ?? {};
    spans.set(partition, { partition, from: offset < from ? offset : from, to: offset < to ? to : offset + 1n });
  }
  return [...spans.values()];
}
