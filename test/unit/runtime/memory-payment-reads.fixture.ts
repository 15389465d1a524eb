import { groupBy } from '../../../services/shared/core/group.js';
import type { InferenceFact, PaymentFact } from '../../../services/shared/core/record.js';
import type { LinkedRecord, PaymentReads } from '../../../services/shared/runtime/payment-reads.js';
import type { Span } from '../../../services/shared/runtime/settler.js';
import { positionOf } from '../../../services/shared/runtime/subjects.js';
import type { MemoryStore } from './memory-store.fixture.js';

/** What ClickHouse is asked about payments, asked of the tables in memory. Each answer is of one moment. */
export function memoryPaymentReads(store: MemoryStore): PaymentReads {
  const linked = (fact: InferenceFact): LinkedRecord => {
    const copy = copiesOf(store).get(positionOf(fact));
    return { fact, copies: Number(copy?.['copies'] ?? 0), counts: copy?.['counts'] !== false };
  };
  return {
    async records({ ids, written = [] }) {
      await Promise.resolve();
      const all = store.allFacts('payments');
      const asked = new Set([...ids, ...written.map(({ record }) => record.payment_id)]);
      for (let size = -1; size !== asked.size;) {
        size = asked.size;
        for (const copies of groupBy(all, ({ record }) => record.event_id).values()) {
          if (copies.some(({ record }) => asked.has(record.payment_id)))
            for (const { record } of copies) asked.add(record.payment_id);
        }
      }
      const found = all.filter(({ record }) => asked.has(record.payment_id));
      return [...new Map<string, PaymentFact>([...written, ...found].map((fact) => [positionOf(fact), fact])).values()];
    },

    async inferences({ ids, sessions }) {
      await Promise.resolve();
      return store
        .allFacts('inferences')
        .filter(({ record }) => ids.includes(record.inference_id) || sessions.includes(record.session_id ?? ''))
        .map(linked);
    },

    async settledInferences(topic) {
      const left = await store.leftAt('inference', topic);
      return [...left].map(([partition, { nextOffset, completeUntilMs }]) => ({
        ...{ partition, nextOffset, completeUntilMs },
      }));
    },

    async naming(spans, { partitions, after, limit }) {
      await Promise.resolve();
      const copies = [...copiesOf(store).values()];
      const isIn = (row: { partition: unknown; offset: unknown }): boolean =>
        spans.some((span) => within(span, Number(row.partition), BigInt(String(row.offset))));
      const events = new Set(copies.filter((row) => isIn(row as never)).map((row) => row['event_id']));
      const subjects = new Set(copies.filter((row) => events.has(row['event_id'])).map((row) => row['subject_id']));
      const names = store
        .allFacts('inferences')
        .filter(({ record, position }) => isIn(position) || subjects.has(record.inference_id))
        .flatMap(({ record }) => [record.inference_id, record.session_id]);
      const ids = store
        .rows('payment_refs')
        .filter((row) => partitions.includes(row['partition'] as number) && names.includes(row['ref'] as string))
        .map((row) => String(row['payment_id']));
      return [...new Set(ids)]
        .sort()
        .filter((id) => id > after)
        .slice(0, limit);
    },

    async waiting() {
      await Promise.resolve();
      const waiting = waitingRows(store);
      const since = waiting.map((row) => row['known_at'] as number);
      return { payments: waiting.length, sinceMs: waiting.length === 0 ? null : Math.min(...since) };
    },

    async waitingInVain(limit) {
      await Promise.resolve();
      const there = store.allFacts('inferences').filter((fact) => linked(fact).counts);
      const ids = new Set<unknown>(there.flatMap(({ record }) => [record.inference_id, record.session_id]));
      return waitingRows(store)
        .filter((row) => [...(row['waiting'] as string[]), row['session_id']].some((name) => ids.has(name)))
        .map((row) => String(row['payment_id']))
        .slice(0, limit);
    },
  };
}

function copiesOf(store: MemoryStore): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
  const rows = store.rows('copy_rows').filter((row) => row['stream'] === 'inferences');
  return new Map(rows.map((row) => [`${String(row['partition'])} ${String(row['offset'])}`, row]));
}

function waitingRows(store: MemoryStore): Readonly<Record<string, unknown>>[] {
  return store.rows('payment_rows').filter((row) => {
    const parts = row['parts'] as unknown[];
    return (row['waiting'] as unknown[]).length > 0 || (parts.length === 0 && row['session_id'] !== null);
  });
}

function within(span: Span, partition: number, offset: bigint): boolean {
  return partition === span.partition && offset >= span.from && offset < span.to;
}
