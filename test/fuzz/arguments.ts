import { parseArgs } from 'node:util';
import { wholeNumber } from '../command-line.js';

export interface FuzzOptions {
  readonly stories: number;
  readonly seed: string;
  /** Number of the first story, to look at one again. */
  readonly first: number;
  /** Null: 1, 3 and 12 in turn. */
  readonly partitions: number | null;
  readonly instances: number;
  readonly kill: boolean;
  /** At how many moments besides the end everything is asked. */
  readonly moments: number;
  /** How many differing stories are shrunk and printed before it ends. */
  readonly show: number;
}

export const USAGE = `Tells random stories to the pure core and to the stack, and compares every answer.

  npm run fuzz -- --stories 200 --seed 7
  npm run fuzz -- --stories 1 --seed 7 --first 42          one story again
  npm run fuzz -- --stories 50 --partitions mixed --instances 3
  npm run fuzz -- --stories 40 --kill                      service processes, killed at random

Options: --stories N (100), --seed S (random), --first N (0), --partitions 1|3|12|mixed (1), --instances N (1), --kill,
--moments N (2): at how many moments besides the end everything is asked, --show N (1): so many differing stories are
shrunk and printed as scenario files, which \`backtrail scenario run\` takes.

Exit codes: 0 no difference, 3 at least one, 2 wrong arguments.`;

const PARTITIONS: Readonly<Record<string, number | null>> = { '1': 1, '3': 3, '12': 12, mixed: null };

/** @throws Error with a sentence for the user */
export function fuzzOptions(args: readonly string[], randomSeed: () => string): FuzzOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      stories: { type: 'string', default: '100' },
      seed: { type: 'string' },
      first: { type: 'string', default: '0' },
      partitions: { type: 'string', default: '1' },
      instances: { type: 'string', default: '1' },
      kill: { type: 'boolean', default: false },
      moments: { type: 'string', default: '2' },
      show: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const partitions = PARTITIONS[values.partitions];
  if (partitions === undefined) throw new Error(`--partitions is 1, 3, 12 or mixed, not ${values.partitions}`);
  return {
    stories: wholeNumber('stories', values.stories),
    seed: values.seed ?? randomSeed(),
    first: wholeNumber('first', values.first),
    partitions,
    instances: Math.max(1, wholeNumber('instances', values.instances)),
    kill: values.kill,
    moments: wholeNumber('moments', values.moments),
    show: wholeNumber('show', values.show),
  };
}
