import { parseArgs } from 'node:util';
import { wholeNumber } from '../command-line.js';
import { FAULTS, type FaultName } from './faults.js';

export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: string;
  readonly faults: readonly FaultName[];
  readonly stories: number;
  readonly events: number;
  /** The longest that a server is away. */
  readonly awayMaxMs: number;
  /** Size of the disk that is filled up. */
  readonly diskMegabytes: number;
}

/** Commands wait twice as long without any progress. */
const AWAY_MAX_SECONDS = 150;

export const USAGE = `Breaks a stack of its own while it works, and compares every answer.

  npm run chaos -- --minutes 2 --seed 7
  npm run chaos -- --minutes 10 --faults kill-service,freeze-service
  npm run chaos -- --minutes 5 --faults clickhouse-away,registry-away --away 120

Options: --minutes M (2), --seed S (random), --faults A,B (all), --stories N (8) and --events N (3000) a round,
--away S (10): the longest that a server is away, --disk MB (768): a disk of that size is filled up.
Faults: ${Object.keys(FAULTS).join(', ')}.
disk-full needs a kernel that lets its users have mounts of their own (unshare); without, it is left out.

Exit codes: 0 no finding, 3 at least one, 2 wrong arguments. What differs is printed as scenario files.`;

/** @throws Error with a sentence for the user; null when only help is wanted */
export function chaosOptions(args: readonly string[], randomSeed: () => string): ChaosOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string' },
      faults: { type: 'string', default: Object.keys(FAULTS).join(',') },
      stories: { type: 'string', default: '8' },
      events: { type: 'string', default: '3000' },
      away: { type: 'string', default: '10' },
      disk: { type: 'string', default: '768' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes is a number above 0, not ${values.minutes}`);
  const faults = values.faults.split(',');
  const unknown = faults.filter((name) => !(name in FAULTS));
  if (unknown.length > 0) throw new Error(`no such fault: ${unknown.join(', ')}`);
  const awaySeconds = wholeNumber('away', values.away);
  if (awaySeconds > AWAY_MAX_SECONDS) throw new Error(`--away is at most ${AWAY_MAX_SECONDS}`);
  return {
    minutes,
    seed: values.seed ?? randomSeed(),
    faults: faults as FaultName[],
    stories: wholeNumber('stories', values.stories),
    events: wholeNumber('events', values.events),
    awayMaxMs: awaySeconds * 1_000,
    diskMegabytes: wholeNumber('disk', values.disk),
  };
}
