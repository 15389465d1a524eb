import fc from 'fast-check';

/** Random each time, so that every run looks elsewhere; PROPERTY_SEED=n repeats a run. */
const seed = Number(process.env['PROPERTY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Checks a law on random input and prints the seed first, so that a failure can be seen again. */
export function check<T>(arbitrary: fc.Arbitrary<T>, runs: number, law: (value: T) => void): void {
  console.log(`PROPERTY_SEED=${seed}`);
  fc.assert(
    fc.property(arbitrary, (value) => {
      law(value);
    }),
    { seed, numRuns: runs },
  );
}
