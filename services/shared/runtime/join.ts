import { groupBy } from '../core/group.js';
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

/** What was just written, of one partition each, whatever batches it came in. */
export function scopesOf<S extends Stream>(facts: readonly Fact<RecordOf[S]>[]): Scope[] {
  return [...groupBy(facts, ({ position }) => position.partition)].flatMap(([partition, own]) =>
    slices(own).map((written): Scope => {
      const offsets = written.map(({ position }) => position.offset);
      const to = (offsets.at(-1) ?? 0n) + 1n;
      return { kind: 'offsets', partition, from: offsets[0] ?? to, to, written };
    }),
  );
}

function slices<S extends Stream>(facts: readonly Fact<RecordOf[S]>[]): Fact<RecordOf[S]>[][] {
  const count = Math.ceil(facts.length / FACTS_MAX);
  return Array.from({ length: count }, (_, i) => facts.slice(i * FACTS_MAX, (i + 1) * FACTS_MAX));
}
