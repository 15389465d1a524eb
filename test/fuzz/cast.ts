import type { Random } from '../../services/demo/random.js';

/** Who and what a story is about: few of each, so that everything collides. */
export interface Cast {
  readonly models: readonly string[];
  readonly releases: readonly string[];
  readonly blobs: readonly string[];
  readonly targets: readonly string[];
  readonly agents: readonly string[];
  readonly sessions: readonly string[];
  readonly inferences: readonly string[];
  readonly payments: readonly string[];
  readonly proofs: readonly string[];
  readonly changes: readonly string[];
  readonly digests: readonly string[];
  readonly flags: readonly string[];
}

/** Ids that trip up quoting, escaping, sorting by UTF-16 units, normalisation, or a reader that takes them for null. */
const ODD = [
  'ä',
  'a\u0308',
  '\u{1F98A}',
  '\uE000',
  '\uFF5E',
  '\u{10FFFD}',
  'Z',
  'a b',
  ' a',
  "it's",
  '"q"',
  '\\',
  '\\N',
  '\\0',
  'NULL',
  'null',
  '{x:String}',
  '%00',
  '?',
  '/',
  ',',
  '[]',
  '(1)',
  '-1',
  '0',
  '00',
  '10',
  '9',
  'true',
  '~',
  '\u200B',
  '\u2028',
  'é'.repeat(256),
];

export function castOf(random: Random): Cast {
  const odd = random.chance(0.2);
  const named = (prefix: string, count: number): string[] => {
    const left = [...ODD];
    return Array.from({ length: count }, (_, i) =>
      odd && random.chance(0.7) ? String(left.splice(random.below(left.length), 1)[0]) : `${prefix}${i + 1}`,
    );
  };
  return {
    models: named('m', random.chance(0.4) ? 2 : 1),
    releases: named('v', random.between(2, 4)),
    blobs: named('b', 3),
    targets: named('t', 3),
    agents: named('A', random.between(2, 5)),
    sessions: named('S', 2),
    inferences: named('i', random.between(2, 8)),
    payments: named('p', random.between(1, 4)),
    proofs: named('q', 3),
    changes: named('c', 4),
    digests: named('d', 3),
    flags: named('f', 2),
  };
}
