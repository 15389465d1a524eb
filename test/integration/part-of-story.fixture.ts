import type { ClickHouse } from '../../services/shared/clickhouse/client.js';
import type { Fact } from '../../services/shared/core/record.js';
import type { Records } from '../../services/shared/core/trail.js';
import { applyRecords } from './story-tables.fixture.js';

/** A story of which only some records are read yet, and what the services say of how far they have come. */

const READERS = ['release', 'inference', 'proof', 'agent', 'payment'];
export const STREAMS = ['releases', 'inferences', 'proofs', 'payments', 'agents'] as const;

export type AnyFact = Fact<object>;

function all(records: Records): AnyFact[] {
  return STREAMS.flatMap((stream) => records[stream] as readonly AnyFact[]);
}

export function only(records: Records, kept: ReadonlySet<AnyFact>): Records {
  const of = <T>(facts: readonly T[]): T[] => facts.filter((fact) => kept.has(fact as unknown as AnyFact));
  return {
    releases: of(records.releases),
    inferences: of(records.inferences),
    proofs: of(records.proofs),
    payments: of(records.payments),
    agents: of(records.agents),
  };
}

/** What the services have written, and say of it, when only these of all records are read. */
export async function applyPart(database: ClickHouse, part: Records, whole: Records): Promise<void> {
  await applyRecords(database, part);
  const there = new Set(all(part));
  const missing = all(whole).filter((fact) => !there.has(fact));
  const times = (facts: readonly AnyFact[]): number[] => facts.map(({ position }) => position.appendedAtMs);
  const until = missing.length > 0 ? Math.min(...times(missing)) - 1 : Math.max(0, ...times(all(whole)));
  const progress = { topic: 't', partition: 0, next_offset: String(there.size), release_offset: '0', idle_at: 0 };
  const applied = { ...progress, applied_until: until, complete_until: until, updated_at: there.size };
  await database.insert(
    'progress_rows',
    READERS.map((service) => ({ ...applied, service })),
  );
}
