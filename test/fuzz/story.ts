import { seededRandom } from '../../services/demo/random.js';
import type { Stream } from '../../services/shared/core/record.js';
import { castOf, type Cast } from './cast.js';
import { OTHER_FIELDS } from './others.js';
import { releaseFields, type Actions } from './releases.js';
import { spoil } from './spoil.js';
import { appendTime, eventTime } from './times.js';
import type { Fields, Teller, Told } from './told.js';

/** A random story: records in the order in which they are listed, which decides between equal append times. */
export interface Story {
  readonly name: string;
  readonly cast: Cast;
  readonly records: readonly Told[];
}

/** What a story is mostly about. */
interface Theme {
  readonly streams: Readonly<Partial<Record<Stream, number>>>;
  readonly actions: Actions;
  /** Weight of records that come at once, against 36 of all that do not. */
  readonly punctual: number;
}

const EVENTFUL = { TRAFFIC_SET: 5, ROLLED_BACK: 3, FLAGGED: 4, UNFLAGGED: 1, INCIDENT_CLOSED: 1.5, RETIRED: 0.3 };
const EVIDENCE = { TRAFFIC_SET: 4, PUBLISHED: 3, TARGET_BOUND: 3, TARGET_UNBOUND: 2, ROLLED_BACK: 1, FLAGGED: 1.5 };
const EVERYTHING = { ...EVENTFUL, PUBLISHED: 2, TARGET_BOUND: 2, TARGET_UNBOUND: 1 };

const THEMES: Readonly<Record<string, Theme>> = {
  evidence: { streams: { releases: 6, inferences: 6, payments: 1 }, actions: EVIDENCE, punctual: 64 },
  incident: { streams: { releases: 6, inferences: 4, payments: 3 }, actions: EVENTFUL, punctual: 64 },
  money: { streams: { releases: 3, inferences: 5, payments: 7 }, actions: EVENTFUL, punctual: 64 },
  agents: { streams: { releases: 3, inferences: 4, agents: 8 }, actions: EVENTFUL, punctual: 90 },
  proofs: { streams: { releases: 1, inferences: 3, proofs: 8 }, actions: EVENTFUL, punctual: 64 },
  late: {
    streams: { releases: 5, inferences: 5, payments: 4, proofs: 2, agents: 3 },
    actions: EVERYTHING,
    punctual: 10,
  },
  chaos: {
    streams: { releases: 6, inferences: 5, payments: 4, proofs: 3, agents: 4 },
    actions: EVERYTHING,
    punctual: 50,
  },
};

const RECORDS_MIN = 6;
const RECORDS_MAX = 48;

/** The same story for the same seed, for ever. */
export function randomStory(seed: string): Story {
  const random = seededRandom(seed);
  const name = random.pick(Object.keys(THEMES));
  const theme = THEMES[name] as Theme;
  const cast = castOf(random);
  const tellers = { random, cast };
  const told: Told[] = random.chance(0.5) ? rollbackStory(tellers, theme) : [];
  const count = random.between(RECORDS_MIN, RECORDS_MAX);
  while (told.length < count) told.push(nextRecord(tellers, theme, told));
  return { name: `${name} ${seed}`, cast, records: told };
}

function nextRecord(teller: Teller, theme: Theme, before: readonly Told[]): Told {
  const { random } = teller;
  const topic = random.weighted(theme.streams) as Stream;
  const earlier = before.filter((told) => told.topic === topic);
  if (earlier.length > 0 && random.chance(0.1)) return copyOf(random.pick(earlier), teller, theme, before.length);
  const told = record(teller, theme, { topic, number: before.length });
  return random.chance(0.04) ? spoil(told, random) : told;
}

function record(
  { random, cast }: Teller,
  { actions, punctual }: Theme,
  { topic, number, at = eventTime(random), fields }: { topic: Stream; number: number; at?: number; fields?: Fields },
): Told {
  const teller = { random, cast };
  const given = fields ?? (topic === 'releases' ? releaseFields(teller, actions) : OTHER_FIELDS[topic](teller));
  const arrives = appendTime(random, at, punctual);
  return { topic, at, arrives, fields: { event_id: `e${number}`, ...given } };
}

/** The same event again: word for word, under another key, or saying something else; at times in the same millisecond. */
function copyOf(original: Told, teller: Teller, theme: Theme, number: number): Told {
  const { random } = teller;
  const { topic } = original;
  const fresh = record(teller, theme, { topic, number });
  const arrives = random.chance(0.4) ? original.arrives : fresh.arrives;
  const key = KEYS[topic];
  switch (random.weighted({ same: 4, otherKey: 3, otherContent: 2, otherTime: 1 })) {
    case 'otherKey':
      return { ...original, arrives, fields: { ...original.fields, [key]: fresh.fields[key] } };
    case 'otherContent':
      return { ...fresh, arrives, fields: { ...fresh.fields, event_id: original.fields['event_id'] } };
    case 'otherTime':
      return { ...original, arrives, at: fresh.at };
    default:
      return { ...original, arrives };
  }
}

const KEYS: Readonly<Record<Stream, string>> = {
  releases: 'model_id',
  inferences: 'inference_id',
  proofs: 'inference_id',
  payments: 'payment_id',
  agents: 'agent_id',
};

/** v1, a canary of v2, v2, requests all the while, back to v1, a flag: the story that all others are about. */
function rollbackStory(teller: Teller, theme: Theme): Told[] {
  const { random, cast } = teller;
  const [v1, v2] = cast.releases as [string, string];
  const [model] = cast.models as [string];
  const times = Array.from({ length: 4 }, () => eventTime(random)).sort((a, b) => a - b);
  const release = (action: string, fields: Fields): Fields => ({ action, model_id: model, ...fields });
  const plot = [
    release('TRAFFIC_SET', { traffic: { [v1]: 10_000 } }),
    release('TRAFFIC_SET', { traffic: random.chance(0.5) ? { [v1]: 9000, [v2]: 1000 } : { [v2]: 10_000 } }),
    release('TRAFFIC_SET', { traffic: { [v2]: 10_000 } }),
    release('ROLLED_BACK', { release: v2, to: v1 }),
  ];
  const flag = release('FLAGGED', { release: v2, flag_id: random.pick(cast.flags), severity: 'HIGH' });
  const told = plot.map((fields, i) => ({ at: times[i] as number, fields }));
  told.push({ at: eventTime(random), fields: flag });
  if (random.chance(0.3)) told.push({ at: eventTime(random), fields: release('INCIDENT_CLOSED', { release: v2 }) });
  if (random.chance(0.3))
    told.push({ at: eventTime(random), fields: release('TRAFFIC_SET', { traffic: { [v2]: 10_000 } }) });
  return told.map((line, number) => record(teller, theme, { topic: 'releases', number, ...line }));
}
