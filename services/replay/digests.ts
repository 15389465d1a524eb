import { columnsOf, contentsOf, membersOf, rowHash, scopeParams, type Side, type Sources } from './content.js';
import type { Scope } from './manifest.js';

/** What some rows say, whatever their order. */
export interface Digest {
  readonly table: string;
  readonly rows: string;
  /** Sum of the SHA-256 of all rows, modulo 2^256, in hex. */
  readonly digest: string;
  /** The same without partitions and offsets: equal for the same records in topics of any number of partitions. */
  readonly placeless: string;
}

/**
 * The digests of what one side says of a scope. Live tables and runs are asked the same, so they compare.
 * @param sources in which databases it is looked up what belongs to the scope
 */
export async function digestsOf(
  scope: Scope,
  { side, sources }: { readonly side: Side; readonly sources: Sources },
): Promise<Digest[]> {
  const digests: Digest[] = [];
  for (const content of contentsOf(membersOf(scope, sources))) {
    if (side.knownAtMs !== null && content.latestOnly === true) continue;
    const { all, placeless, condition } = await columnsOf(content, side);
    const [row] = await side.database.select<{ rows: string; digest: string; placeless: string }>(
      `SELECT count() AS rows, hex(sum(reinterpretAsUInt256(${rowHash(all)}))) AS digest,
         hex(sum(reinterpretAsUInt256(${rowHash(placeless)}))) AS placeless
       FROM ${content.view} WHERE ${condition}`,
      scopeParams(scope),
    );
    digests.push({
      table: content.name,
      rows: row?.rows ?? '0',
      digest: row?.digest.toLowerCase() ?? '',
      placeless: row?.placeless.toLowerCase() ?? '',
    });
  }
  return digests;
}
