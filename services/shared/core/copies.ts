import { groupBy } from './group.js';
import { firstCopies, firstInferences } from './identity.js';
import type { Fact } from './record.js';

export type CopyFinding = 'DUPLICATE' | 'EVENT_ID_CONFLICT' | 'SAME_INFERENCE';

/** What is said of a record that shares its event, or its inference, with another. */
export interface CopyVerdict<T> {
  readonly fact: Fact<T>;
  /** Null for the one that counts. */
  readonly finding: CopyFinding | null;
  /** The record it was held against and lost to; itself when it counts. */
  readonly of: Fact<T>;
  /**
   * How many records this was decided from, a thousand at most. It only grows: of two verdicts on one record the one with
   * more holds, and of two with a thousand the later.
   */
  readonly copies: number;
}

/** Of more copies of one event it may be that only the first are looked at. */
const COUNTED_MAX = 1_000;

/** What tells records apart; of streams other than inferences no record has an `inference_id` here. */
export interface Identity {
  readonly event_id: string;
  readonly inference_id?: string;
}

/**
 * Which of the records count and which do not (SPEC 2, Identity), for all that share their event or inference with another.
 * @param facts closed: every copy of every event among them and, of inferences, every record of every inference among them.
 *   Each position once.
 */
export function tellApart<T extends Identity>(facts: readonly Fact<T>[]): CopyVerdict<T>[] {
  return connected(facts)
    .filter((group) => group.length > 1)
    .flatMap((group) => verdictsOn(group));
}

function verdictsOn<T extends Identity>(group: readonly Fact<T>[]): CopyVerdict<T>[] {
  const { counting, ignored } = firstCopies(group);
  const named = counting.flatMap((fact) => {
    const { inference_id: id } = fact.record;
    return id === undefined ? [] : [{ ...fact, record: { inference_id: id, fact } }];
  });
  const firstOf = firstInferences(named);
  const copies = Math.min(group.length, COUNTED_MAX);
  return [
    ...counting.map((fact): CopyVerdict<T> => {
      const first = firstOf.get(fact.record.inference_id ?? '')?.record.fact ?? fact;
      return { fact, of: first, finding: first === fact ? null : 'SAME_INFERENCE', copies };
    }),
    ...ignored.map(({ fact, counts, finding }): CopyVerdict<T> => ({ fact, of: counts, finding, copies })),
  ];
}

/** The facts in groups: two are in one when they share an event or an inference, directly or through others. */
function connected<T extends Identity>(facts: readonly Fact<T>[]): Fact<T>[][] {
  const parents = new Map<string, string>();
  const rootOf = (name: string): string => {
    let root = name;
    for (let parent = parents.get(root); parent !== undefined; parent = parents.get(root)) root = parent;
    for (let at = name; at !== root;) {
      const next = parents.get(at) ?? root;
      parents.set(at, root);
      at = next;
    }
    return root;
  };
  for (const { record } of facts) {
    if (record.inference_id === undefined) continue;
    const [event, inference] = [rootOf(`event ${record.event_id}`), rootOf(`inference ${record.inference_id}`)];
    if (event !== inference) parents.set(event, inference);
  }
  return [...groupBy(facts, ({ record }) => rootOf(`event ${record.event_id}`)).values()];
}
