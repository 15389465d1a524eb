import { compareLogOrder } from './order.js';
import type { Fact } from './record.js';

/** What became of the copies of one event that do not count (SPEC 2, Identity). */
export interface IgnoredCopy<T> {
  readonly fact: Fact<T>;
  readonly counts: Fact<T>;
  /** `EVENT_ID_CONFLICT` when it differs from the copy that counts, `DUPLICATE` when it says the same. */
  readonly finding: 'DUPLICATE' | 'EVENT_ID_CONFLICT';
}

/** Splits the facts of one topic into the copies that count, in log order, and those that do not. */
export function firstCopies<T extends { readonly event_id: string }>(
  facts: Iterable<Fact<T>>,
): { counting: Fact<T>[]; ignored: IgnoredCopy<T>[] } {
  const first = new Map<string, Fact<T>>();
  const counting: Fact<T>[] = [];
  const ignored: IgnoredCopy<T>[] = [];
  for (const fact of [...facts].sort(compareLogOrder)) {
    const counts = first.get(fact.record.event_id);
    if (counts === undefined) {
      first.set(fact.record.event_id, fact);
      counting.push(fact);
    } else {
      ignored.push({ fact, counts, finding: sameContent(fact, counts) ? 'DUPLICATE' : 'EVENT_ID_CONFLICT' });
    }
  }
  return { counting, ignored };
}

/** Of several events about one `inference_id` the first in log order counts. */
export function firstInferences<T extends { readonly inference_id: string }>(
  counting: Iterable<Fact<T>>,
): Map<string, Fact<T>> {
  const first = new Map<string, Fact<T>>();
  for (const fact of counting) {
    const known = first.get(fact.record.inference_id);
    if (known === undefined || compareLogOrder(fact, known) < 0) first.set(fact.record.inference_id, fact);
  }
  return first;
}

/** Whether two copies of an event say the same, under the same key. */
export function sameContent<T>(a: Fact<T>, b: Fact<T>): boolean {
  return a.key === b.key && canonical(a.record) === canonical(b.record);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([x], [y]) => (x < y ? -1 : 1)))
      : inner,
  );
}
