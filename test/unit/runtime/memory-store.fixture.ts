import { groupBy } from '../../../services/shared/core/group.js';
import type { Fact, InferenceFact, RecordOf, ReleaseFact, Stream } from '../../../services/shared/core/record.js';
import type { Sweep } from '../../../services/shared/core/histories.js';
import type { EncodedRows } from '../../../services/shared/runtime/accept.js';
import type { Reviser, RowPlace } from '../../../services/shared/runtime/reviser.js';
import type { LeftAt } from '../../../services/shared/runtime/settled.js';
import { positionOf } from '../../../services/shared/runtime/subjects.js';
import { readBlock } from '../inference/native-reader.fixture.js';
import { memoryPaymentReads } from './memory-payment-reads.fixture.js';
import { nativePage } from './native-page.fixture.js';
import type { Scope, Store, SweepRange } from '../../../services/shared/runtime/store.js';

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
  inferences: 'inference_rows',
  proofs: 'proof_facts',
  payments: 'payment_facts',
  agents: 'agent_facts',
};

/** How the tables identify rows; of several the greatest version holds. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  inference_rows: ['model_id', 'occurred_at', 'inference_id', 'partition', 'offset'],
  payment_rows: ['payment_id'],
  payment_refs: ['kind', 'ref', 'payment_id', 'partition'],
  dead_letter_rows: ['topic', 'partition', 'offset'],
  gap_rows: ['topic', 'partition', 'from_offset', 'to_offset'],
  progress_rows: ['service', 'topic', 'partition'],
  copy_rows: ['stream', 'partition', 'offset'],
};

/** The database as the runtime sees it, in memory. It keeps every insert, and gives what a reader of the views sees. */
export class MemoryStore implements Store {
  readonly payments = memoryPaymentReads(this);
  readonly inserted = new Map<string, Row[]>();
  readonly #encoded = new WeakMap<EncodedRows, readonly Row[]>();
  /** Called before an insert, and after it was saved: what it throws reaches whoever inserts. */
  onInsert: (table: string, when: 'before' | 'after') => void = () => undefined;

  insert(table: string, rows: readonly object[]): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    return attempt(() => {
      this.onInsert(table, 'before');
      const before = this.inserted.get(table) ?? [];
      // As the default of the column: what is written later is newer.
      const isTimed = table === 'progress_rows';
      const timed = (rows as Row[]).map((row, i) => ({ updated_at: before.length + i + 1, ...row }));
      this.inserted.set(table, [...before, ...(isTimed ? timed : (rows as Row[]))]);
      this.onInsert(table, 'after');
    });
  }

  /** Rows stay what they are. */
  encode(rows: readonly object[]): EncodedRows {
    const rowCount = rows.length;
    const bytes = Buffer.alloc(0);
    const encoded: EncodedRows = { format: 'JSONEachRow', columns: null, rowCount, bytes, release: () => undefined };
    this.#encoded.set(encoded, rows as Row[]);
    return encoded;
  }

  async insertEncoded(table: string, blocks: readonly EncodedRows[]): Promise<void> {
    // 64-bit integers are text in the rows of `insert`.
    const asInserted = (row: Row): Row => ({
      ...row,
      offset: String(row['offset']),
      release_offset: String(row['release_offset']),
    });
    await this.insert(
      table,
      blocks.flatMap((block) => this.#encoded.get(block) ?? readBlock(block.bytes).map(asInserted)),
    );
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
    const facts = (this.inserted.get(FACTS[stream]) ?? []).map(
      (row) => (row['fact'] ?? inferenceOf(row)) as Fact<RecordOf[S]>,
    );
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

  /** Wider than the real one: every inference of the model. In blocks of two rows. */
  sweepPage(sweep: Sweep, range: SweepRange, columns: Reviser['columns']): Promise<Buffer> {
    const { partitions, releasesBelow, after, limit } = range;
    const inOrder = ({ occurredAt, inferenceId, partition, offset }: RowPlace): string =>
      [occurredAt, inferenceId, partition, String(offset).padStart(9, '0')].join(' ');
    const found = this.rows('inference_rows')
      .filter((row) => row['model_id'] === sweep.modelId && BigInt(String(row['release_offset'])) < releasesBelow)
      .filter((row) => partitions.includes(row['partition'] as number))
      .map((row) => ({ row, place: inOrder(placeOf(row)) }))
      .sort((a, b) => (a.place < b.place ? -1 : 1))
      .filter(({ place }) => after === null || place > inOrder(after));
    return Promise.resolve(
      nativePage(
        found.slice(0, limit).map(({ row }) => row),
        columns,
        2,
      ),
    );
  }

  givenUpOffsets(): Promise<ReadonlySet<string>> {
    const given = this.rows('dead_letter_rows').filter((row) => row['code'] === 'SCHEMA_UNKNOWN');
    return Promise.resolve(new Set(given.map((row) => String(row['offset']))));
  }

  heldReleases(topic: string, { from, to }: { from: bigint; to: bigint }): Promise<ReleaseFact[] | null> {
    const facts = this.allFacts('releases').filter(({ position }) => position.offset < to);
    const letters = this.rows('dead_letter_rows').filter((row) => row['topic'] === topic);
    const gaps = this.rows('gap_rows').filter((row) => row['topic'] === topic);
    const lost = gaps.reduce(
      (sum, row) => sum + BigInt(String(row['to_offset'])) - BigInt(String(row['from_offset'])),
      0n,
    );
    if (BigInt(facts.length + letters.length) + lost < to) return Promise.resolve(null);
    const held = facts.filter(({ position }) => position.offset >= from);
    return Promise.resolve(held.sort((a, b) => (a.position.offset < b.position.offset ? -1 : 1)));
  }

  leftAt(service: string, topic: string): Promise<ReadonlyMap<number, LeftAt>> {
    const rows = this.rows('progress_rows').filter((row) => row['service'] === service && row['topic'] === topic);
    return Promise.resolve(
      new Map(
        rows.map((row) => [
          row['partition'] as number,
          {
            nextOffset: BigInt((row['next_offset'] ?? 0) as string),
            appliedUntilMs: (row['applied_until'] ?? 0) as number,
            completeUntilMs: (row['complete_until'] ?? 0) as number,
            idleAtMs: (row['idle_at'] ?? 0) as number,
            linked: (row['linked'] ?? {}) as Record<string, string>,
          },
        ]),
      ),
    );
  }

  #base(stream: Stream, scope: Scope): AnyFact[] {
    const all: AnyFact[] = this.allFacts(stream);
    switch (scope.kind) {
      case 'written':
        return all.filter((fact) => scope.written.some((one) => positionOf(one) === positionOf(fact)));
      case 'ids':
        return all.filter((fact) => scope.ids.includes(idOf(stream, fact)));
    }
  }
}

function idOf(stream: Stream, fact: AnyFact): string {
  return String((fact.record as unknown as Row)[SUBJECTS[stream]]);
}

function placeOf(row: Row): RowPlace {
  return {
    occurredAt: row['occurred_at'] as number,
    inferenceId: row['inference_id'] as string,
    partition: row['partition'] as number,
    offset: BigInt(row['offset'] as string),
  };
}

/** The record that a row of `inference_rows` was made from. */
function inferenceOf(row: Row): InferenceFact {
  const fields = ['event_id', 'occurred_at', 'source', 'source_ref', 'inference_id', 'model_id', 'requested_model'];
  fields.push(
    'blob_id',
    'target_id',
    'agent_id',
    'session_id',
    'request_hash',
    'output_hash',
    'cost',
    'clock_error_ms',
  );
  const record = { ...Object.fromEntries(fields.map((name) => [name, row[name]])), release: row['claim'] };
  return {
    record: record as unknown as RecordOf['inferences'],
    key: String(row['key']),
    position: {
      partition: row['partition'] as number,
      offset: BigInt(row['offset'] as string),
      appendedAtMs: row['appended_at'] as number,
    },
  };
}

function versionOf(row: Row): bigint {
  return BigInt(
    (row['version'] ?? row['updated_at'] ?? row['copies'] ?? row['release_offset'] ?? 0) as string | number,
  );
}

async function attempt<T>(work: () => T): Promise<T> {
  await Promise.resolve();
  return work();
}
