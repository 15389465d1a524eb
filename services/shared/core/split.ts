import { compareUtf8 } from './order.js';

export interface Share {
  readonly id: string;
  readonly weight: bigint;
}

/**
 * Splits an amount by weight with the largest remainder, ties to the smaller id, so that the parts always sum to it.
 * Weights that are all 0 count as equal.
 *
 * @param shares at least one, with distinct ids
 */
export function splitByWeight(amount: bigint, shares: readonly Share[]): Map<string, bigint> {
  const total = shares.reduce((sum, share) => sum + share.weight, 0n);
  if (total === 0n)
    return splitByWeight(
      amount,
      shares.map(({ id }) => ({ id, weight: 1n })),
    );
  const parts = shares.map(({ id, weight }) => ({
    id,
    part: (amount * weight) / total,
    remainder: (amount * weight) % total,
  }));
  let left = amount - parts.reduce((sum, { part }) => sum + part, 0n);
  parts.sort((a, b) => (a.remainder > b.remainder ? -1 : a.remainder < b.remainder ? 1 : compareUtf8(a.id, b.id)));
  const result = new Map<string, bigint>();
  for (const { id, part } of parts) {
    result.set(id, left > 0n ? part + 1n : part);
    left -= 1n;
  }
  return result;
}
