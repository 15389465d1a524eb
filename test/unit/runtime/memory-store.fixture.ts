import { groupBy } from '../../../services/shared/core/group.js';
import type { Fact, RecordOf, Stream } from '../../../services/shared/core/record.js';
import type { Scope, Store } from '../../../services/shared/runtime/store.js';

type AnyFact = Fact<RecordOf[Stream]>;
type Row = Readonly<Record<string, unknown>>;

const SUBJECTS: { readonly [S in Stream]: string } = {
  releases: 'model_id',
  inferences: 'inference_id',
  proofs: 'inference_id',
  payments: 'payment_id',
  agents: 'agent_id',
};
export const FACTS: { readonly [S in Stream]: string } = {
  releases: 'release_facts',
  inferences: 'inference_facts',
  proofs: 'proof_facts',
  payments: 'payment_facts',
  agents: 'agent_facts',
};

/** How the tables identify rows; of several the greatest version holds. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  inference_rows: ['model_id', 'occurred_at', 'inference_id'],
  proof_rows: ['inference_id'],
  payment_rows: ['payment_id'],
  payment_refs: ['kind', 'ref', 'payment_id'],
  dead_letter_rows: ['topic', 'partition', 'offset'],
  gap_rows: ['topic', 'partition', 'from_offset', 'to_offset'],
  progress_rows: ['service', 'topic', 'partition'],
};

/** The database as the runtime sees it, in memory. It keeps every insert, and gives what a reader of the views sees. */
export class MemoryStore implements Store {
  readonly inserted = new Map<string, Row[]>();
  /** Called before an insert, and after it was saved: what it throws reaches whoever inserts. */
  onInsert: (table: string, when: 'before' | 'after') => void = () => undefined;

  insert(table: string, rows: readonly object[]): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    return attempt(() => {
      this.onInsert(table, 'before');
      this.inserted.set(table, [...(this.inserted.get(table) ?? []), ...(rows as Row[])]);
      this.onInsert(table, 'after');
    });
  }

  /** What the views show: one row an identity, the one with the greatest version. */
  rows(table: string): Row[] {
    const rows = new Map<string, Row>();
    for (const row of this.inserted.get(table) ?? []) {
      const key = JSON.stringify((KEYS[table] ?? []).map((name) => row[name]));
      const known = rows.get(key);
      if (known === undefined || versionOf(row) >= versionOf(known)) rows.set(key, row);
    }
    return [...rows.values()].filter((row) => row['void'] !== true);
  }

  allFacts<S extends Stream>(stream: S): Fact<RecordOf[S]>[] {
    const facts = (this.inserted.get(FACTS[stream]) ?? []).map((row) => row['fact'] as Fact<RecordOf[S]>);
    return [...new Map(facts.map((fact) => [`${fact.position.partition} ${fact.position.offset}`, fact])).values()];
  }

  facts<S extends Stream>(stream: S, scope: Scope): Promise<Fact<RecordOf[S]>[]> {
    return attempt(() => {
      const all = this.allFacts(stream);
      const byEvent = groupBy(all, (fact) => fact.record.event_id);
      const ids = new Set(this.#base(stream, scope).map((fact) => idOf(stream, fact)));
      // Closed under "another copy of an event": simple, and never less than the real store gives.
      for (let size = -1; size !== ids.size;) {
        size = ids.size;
        for (const copies of byEvent.values()) {
          if (copies.some((copy) => ids.has(idOf(stream, copy))))
            for (const copy of copies) ids.add(idOf(stream, copy));
        }
      }
      return all.filter((fact) => ids.has(idOf(stream, fact)));
    });
  }

  async paymentsReferringTo(inferences: Scope): Promise<string[]> {
    const found = await this.facts('inferences', inferences);
    const names = new Set(found.map(({ record }) => `inference ${record.inference_id}`));
    for (const { record } of found) names.add(`session ${String(record.session_id)}`);
    const refs = this.rows('payment_refs').filter((row) => names.has(`${String(row['kind'])} ${String(row['ref'])}`));
    return [...new Set(refs.map((row) => String(row['payment_id'])))];
  }

  async sweepPage(
    sweep: Parameters<Store['sweepPage']>[0],
    { partitions, after, limit }: Parameters<Store['sweepPage']>[1],
  ): Promise<{ count: number; last: string }> {
    const everything = this.#base('inferences', { kind: 'sweep', sweep, partitions, after, last: '\uffff' });
    const ids = [...new Set(everything.map((fact) => idOf('inferences', fact)))].sort().slice(0, limit);
    return Promise.resolve({ count: ids.length, last: ids.at(-1) ?? '' });
  }

  givenUpOffsets(): Promise<ReadonlySet<string>> {
    const given = this.rows('dead_letter_rows').filter((row) => row['code'] === 'SCHEMA_UNKNOWN');
    return Promise.resolve(new Set(given.map((row) => String(row['offset']))));
  }

  appliedUntil(): Promise<ReadonlyMap<number, number>> {
    return Promise.resolve(new Map());
  }

  #base(stream: Stream, scope: Scope): AnyFact[] {
    const all: AnyFact[] = this.allFacts(stream);
    switch (scope.kind) {
      case 'offsets':
        return all.filter(
          ({ position: { partition, offset } }) =>
            partition === scope.partition && offset >= scope.from && offset < scope.to,
        );
      case 'ids':
        return all.filter((fact) => scope.ids.includes(idOf(stream, fact)));
      case 'paid-by': {
        const paid = new Set(this.#base('payments', scope.payments).map((fact) => idOf('payments', fact)));
        const payments = this.allFacts('payments').filter(({ record }) => paid.has(record.payment_id));
        const ids = new Set(payments.flatMap(({ record }) => record.allocations.map((one) => one.inference_id)));
        const sessions = new Set(payments.flatMap(({ record }) => record.session_id ?? []));
        return this.allFacts('inferences').filter(
          ({ record }) =>
            ids.has(record.inference_id) || (record.session_id !== null && sessions.has(record.session_id)),
        );
      }
      case 'sweep':
        // Wider than the real one: every inference of the model.
        return all.filter((fact) => {
          const record = fact.record as RecordOf['inferences'];
          const id = record.inference_id;
          return (
            record.model_id === scope.sweep.modelId &&
            scope.partitions.includes(fact.position.partition) &&
            (scope.after === null || id > scope.after) &&
            id <= scope.last
          );
        });
    }
  }
}

function idOf(stream: Stream, fact: AnyFact): string {
  return String((fact.record as unknown as Row)[SUBJECTS[stream]]);
}

function versionOf(row: Row): bigint {
  return BigInt((row['version'] ?? row['updated_at'] ?? 0) as string | number);
}

async function attempt<T>(work: () => T): Promise<T> {
  await Promise.resolve();
  return work();
}
