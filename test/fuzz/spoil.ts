import type { Random } from '../../services/demo/random.js';
import { DAY_MICROS } from './times.js';
import type { Told } from './told.js';

type Spoiling = (told: Told, random: Random) => Told;

const YEAR_2019_MICROS = Date.UTC(2019, 11, 31) * 1000;

/** Every way in which SPEC 8 has a record refused; one that its topic does not have leaves the record as it is. */
const SPOILINGS: Readonly<Record<string, Spoiling>> = {
  'an id with a control character': (told) =>
    withFields(told, { event_id: `${String(told.fields['event_id'])}\u0007` }),
  'an id that is too long': (told) => withFields(told, { event_id: 'é'.repeat(257) }),
  'a time before 2020': (told) => ({ ...told, at: YEAR_2019_MICROS }),
  'a time more than a day after its append time': (told) => ({ ...told, at: told.arrives + DAY_MICROS + 1 }),
  'a negative amount': (told) => (told.topic === 'payments' ? withFields(told, { amount: '-1' }) : told),
  'an amount that is no integer': (told) => (told.topic === 'payments' ? withFields(told, { amount: '1.5' }) : told),
  'an amount that is too large': (told) =>
    told.topic === 'payments' ? withFields(told, { amount: String(2n ** 256n) }) : told,
  'a cost that is none': (told) => (told.topic === 'inferences' ? withFields(told, { cost: '1e3' }) : told),
  'shares that do not sum up': (told) => withTraffic(told, { v1: 9999 }),
  'a share that is no integer': (told) => withTraffic(told, { v1: 9999.5, v2: 0.5 }),
  'a share below 0': (told) => withTraffic(told, { v1: 10_001, v2: -1 }),
  'a field that the action needs': (told) =>
    told.topic === 'releases' ? withFields(told, { release: null, flag_id: null, traffic: null }) : told,
};

/** Makes a record one that is refused for good, if its topic has what is spoilt. */
export function spoil(told: Told, random: Random): Told {
  const spoiling = SPOILINGS[random.pick(Object.keys(SPOILINGS))];
  return spoiling === undefined ? told : spoiling(told, random);
}

function withFields(told: Told, fields: Readonly<Record<string, unknown>>): Told {
  return { ...told, fields: { ...told.fields, ...fields } };
}

function withTraffic(told: Told, traffic: Readonly<Record<string, number>>): Told {
  return told.fields['traffic'] === undefined ? told : withFields(told, { traffic });
}
