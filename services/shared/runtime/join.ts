import type { Fact, RecordOf, Stream } from '../core/record.js';
import type { Metrics } from '../metrics.js';
import type { Definition } from './definition.js';
import type { Scope, Store } from './store.js';

/** Records that are joined at once: each look costs the same for a few, and all that it finds is in memory. */
const FACTS_MAX = 1_500;

/** Computes the rows of some subjects from all that is there, and writes them. */
export async function join<S extends Stream>(
  scope: Scope,
  { definition, store, metrics }: { definition: Definition<S>; store: Store; metrics: Metrics },
): Promise<void> {
  const { joined } = definition;
  if (joined === null) return;
  const rows = await joined.rows(scope, { store });
  await store.insert(joined.table, rows);
  metrics.rows.inc({ table: joined.table }, rows.length);
}

/** What was just written, whatever partitions it is of. */
export function scopesOf<S extends Stream>(facts: readonly Fact<RecordOf[S]>[]): Scope[] {
  return Array.from({ length: Math.ceil(facts.length / FACTS_MAX) }, (_, i) => {
    return { kind: 'written', written: facts.slice(i * FACTS_MAX, (i + 1) * FACTS_MAX) };
  });
}
