import type { Fact, RecordOf, Stream } from '../../../services/shared/core/record.js';
import type { Copies, Copy, Span } from '../../../services/shared/runtime/settler.js';
import type { MemoryStore } from './memory-store.fixture.js';

/** Gives all that the records of the spans are connected with, whether they have copies or not. */
export function memoryCopies(store: MemoryStore): Copies {
  return {
    async *sharing(stream, spans) {
      await Promise.resolve();
      const all = store.allFacts(stream).map((fact) => toCopy(stream, fact));
      const found = new Set(all.filter((fact) => spans.some((span) => isIn(fact, span))));
      for (let size = -1; size !== found.size;) {
        size = found.size;
        for (const fact of all) if ([...found].some((other) => share(fact.record, other.record))) found.add(fact);
      }
      yield [...found];
    },

    async appendedUntil(stream, _topic, spans) {
      await Promise.resolve();
      const until = new Map<number, number>();
      for (const { position } of store.allFacts(stream).filter((fact) => spans.some((span) => isIn(fact, span)))) {
        until.set(position.partition, Math.max(until.get(position.partition) ?? 0, position.appendedAtMs));
      }
      return until;
    },
  };
}

function toCopy(stream: Stream, fact: Fact<RecordOf[Stream]>): Fact<Copy> {
  const record = fact.record as { event_id: string; inference_id?: string };
  const named = stream === 'inferences' ? { inference_id: String(record.inference_id) } : {};
  const content = JSON.stringify(record);
  return { ...fact, record: { event_id: record.event_id, ...named, subject_id: fact.key, content } };
}

function share(a: Copy, b: Copy): boolean {
  return a.event_id === b.event_id || (a.inference_id !== undefined && a.inference_id === b.inference_id);
}

function isIn({ position: { partition, offset } }: Fact<unknown>, span: Span): boolean {
  return partition === span.partition && offset >= span.from && offset < span.to;
}
