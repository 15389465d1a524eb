/** A source of chance that gives the same numbers for the same seed text, for ever. */
export interface Random {
  /** In `[0, 1)`. */
  fraction(): number;
  /** A whole number in `[0, below)`. */
  below(bound: number): number;
  /** A whole number in `[from, to]`. */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** `0x` and so many random bytes. */
  hex(bytes: number): string;
  /** A Walrus blob id: 32 bytes as 43 base64url characters. */
  blobId(): string;
  /** A name out of weights: `{a: 9000, b: 1000}` gives a nine times out of ten. */
  weighted(weights: Readonly<Record<string, number>>): string;
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const BLOB_ID_LENGTH = 43;
const TWO_TO_32 = 4_294_967_296;

export function seededRandom(seed: string): Random {
  const next = sfc32(seed);
  const fraction = (): number => next() / TWO_TO_32;
  const below = (bound: number): number => Math.floor(fraction() * bound);
  return {
    fraction,
    below,
    between: (from, to) => from + below(to - from + 1),
    chance: (probability) => fraction() < probability,
    pick: (list) => {
      const picked = list[below(list.length)];
      if (picked === undefined) throw new RangeError('cannot pick from an empty list');
      return picked;
    },
    hex: (bytes) => {
      let text = '0x';
      for (let i = 0; i < bytes; i += 4) text += next().toString(16).padStart(8, '0');
      return text.slice(0, 2 + 2 * bytes);
    },
    blobId: () => {
      let text = '';
      // Five characters of six bits out of each 32. The last one stands for four bits only: one of sixteen.
      for (let i = 0; i < BLOB_ID_LENGTH - 1; i += 5) {
        let bits = next();
        for (let j = 0; j < 5; j += 1, bits >>>= 6) text += BASE64URL.charAt(bits & 63);
      }
      return text.slice(0, BLOB_ID_LENGTH - 1) + BASE64URL.charAt(below(16) * 4);
    },
    weighted: (weights) => {
      let left = fraction() * Object.values(weights).reduce((sum, weight) => sum + weight, 0);
      for (const [name, weight] of Object.entries(weights)) {
        left -= weight;
        if (left < 0) return name;
      }
      throw new RangeError('cannot pick by weight: all weights are 0');
    },
  };
}

/** Chris Doty-Humphrey's small fast counting generator, seeded with FNV-1a of the text. */
function sfc32(seed: string): () => number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(seed)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  let a = hash;
  let b = hash ^ 0x9e3779b9;
  let c = hash ^ 0x243f6a88;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 16; i += 1) next();
  return next;
}
