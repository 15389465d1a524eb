import type { OutgoingRecord } from '../../services/shared/kafka/producer.js';

export interface Good {
  readonly key: string;
  readonly value: Buffer;
}

/** A sequence of numbers that is the same for the same seed. */
export function numbersFrom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

type Mutation = (good: Good, others: readonly Good[], pick: (below: number) => number) => OutgoingRecord;

const bytes = (length: number, pick: (below: number) => number): Buffer =>
  Buffer.from(Array.from({ length }, () => pick(256)));
const withId = (value: Buffer, id: number): Buffer => {
  const changed = Buffer.from(value);
  changed.writeUInt32BE(id, 1);
  return changed;
};
const HUGE = 600_000;

/** Whatever may become of a record between who wrote it and us. */
export const MUTATIONS = {
  'as it was': ({ key, value }) => ({ key, value }),
  'bits flipped': ({ key, value }, _others, pick) => {
    const changed = Buffer.from(value);
    for (let flips = 1 + pick(4); flips > 0; flips -= 1) {
      const at = 5 + pick(value.length - 5);
      changed[at] = (changed[at] ?? 0) ^ (1 << pick(8));
    }
    return { key, value: changed };
  },
  'cut off': ({ key, value }, _others, pick) => ({ key, value: value.subarray(0, pick(value.length)) }),
  'something behind it': ({ key, value }, _others, pick) => ({
    key,
    value: Buffer.concat([value, bytes(1 + pick(20), pick)]),
  }),
  'another magic byte': ({ key, value }, _others, pick) => ({
    key,
    value: Buffer.concat([Buffer.from([1 + pick(255)]), value.subarray(1)]),
  }),
  'an unknown schema id': ({ key, value }, _others, pick) => ({ key, value: withId(value, 900_000 + pick(3)) }),
  'the record of another topic': ({ key }, others, pick) => {
    return { key, value: others[pick(others.length)]?.value ?? Buffer.alloc(0) };
  },
  'the schema of another topic': ({ key, value }, others, pick) => {
    return { key, value: withId(value, others[pick(others.length)]?.value.readUInt32BE(1) ?? 1) };
  },
  'a length beyond all': ({ key, value }) => {
    const changed = Buffer.from(value);
    // The length of the first text, as the longest number there is.
    changed.fill(0xff, 5, 14);
    return { key, value: changed };
  },
  'a giant text': ({ key, value }, _others, pick) => {
    const length = Buffer.from([0x80 | ((HUGE * 2) & 0x7f), 0x80 | (((HUGE * 2) >> 7) & 0x7f), (HUGE * 2) >> 14]);
    const text = Buffer.alloc(HUGE, 97 + pick(26));
    return { key, value: Buffer.concat([value.subarray(0, 5), length, text, value.subarray(6 + (value[5] ?? 0) / 2)]) };
  },
  'no value': ({ key }) => ({ key, value: null }),
  'no key': ({ value }) => ({ key: null, value }),
  'another key': ({ value }, _others, pick) => ({ key: bytes(8, pick), value }),
  headers: ({ key, value }, _others, pick) => ({
    key,
    value,
    headers: [
      { name: 'h', value: bytes(pick(50), pick) },
      { name: '', value: null },
    ],
  }),
  empty: ({ key }) => ({ key, value: Buffer.alloc(0) }),
  'random bytes': ({ key }, _others, pick) => ({ key, value: bytes(pick(300), pick) }),
} as const satisfies Record<string, Mutation>;

/** Giants are rare, or they are all that a run is about. */
const GIANT_EVERY = 40;

export function mutated(
  good: readonly Good[],
  others: readonly Good[],
  { seed, count }: { seed: number; count: number },
): OutgoingRecord[] {
  const pick = numbersFrom(seed);
  const all = Object.entries(MUTATIONS) as [keyof typeof MUTATIONS, Mutation][];
  const small = all.filter(([name]) => name !== 'a giant text').map(([, mutation]) => mutation);
  return Array.from({ length: count }, (_, i) => {
    const one = good[i % good.length];
    if (one === undefined) throw new Error('no record to mutate');
    const mutation = i % GIANT_EVERY === GIANT_EVERY - 1 ? MUTATIONS['a giant text'] : small[pick(small.length)];
    return (mutation ?? MUTATIONS.empty)(one, others, pick);
  });
}
