/** Assets whose smallest unit is known; amounts of others are shown in it. */
const DECIMALS: Readonly<Record<string, number>> = { OPG: 18, USDC: 6 };

/** The exact amount for people: `1,234.5 OPG`. No digit is rounded away. `asset` is null where payments have several. */
export function formatAmount(units: bigint | string, asset: string | null): string {
  const value = BigInt(units);
  const decimals = asset === null ? undefined : DECIMALS[asset];
  if (decimals === undefined) return `${grouped(value)} ${asset === null ? 'units' : `units of ${asset}`}`;
  const scale = 10n ** BigInt(decimals);
  const fraction = (value % scale).toString().padStart(decimals, '0').replace(/0+$/, '');
  return `${grouped(value / scale)}${fraction === '' ? '' : `.${fraction}`} ${asset ?? ''}`;
}

export function grouped(value: bigint | number): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}
