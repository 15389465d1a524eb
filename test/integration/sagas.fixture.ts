import { seededRandom, type Random } from '../../services/demo/random.js';
import type { Question } from '../../services/shared/core/question.js';
import { scenarioOf, type Case } from '../fuzz/case.js';
import { questionsOf } from '../fuzz/questions.js';
import { sagaOf } from '../fuzz/saga.js';
import { randomStory } from '../fuzz/story.js';
import type { Fields, Told } from '../fuzz/told.js';
import type { Scope } from '../../services/replay/manifest.js';
import type { Scenario } from '../../services/scenario/scenario.js';

/** Several random stories in one log, which have some names in common: payments, copies and agents reach from one to another. */
export interface Saga {
  readonly scenario: Scenario;
  readonly questions: readonly Question[];
  /** What a replay may be about. */
  readonly scopes: readonly Scope[];
}

const CROSSED = 0.12;
const HOUR_MICROS = 3_600_000_000;

/** The same for the same seed. */
export function randomSaga(seed: string, stories: number): Saga {
  const random = seededRandom(`saga ${seed}`);
  const cases = Array.from({ length: stories }, (_, i): Case => {
    const story = randomStory(`${seed} ${String(i)}`);
    return { name: story.name, records: story.records, questions: questionsOf(story, 0) };
  });
  const saga = sagaOf(`saga ${seed}`, cases);
  const records = saga.records.map((told) => (random.chance(CROSSED) ? crossed(told, random, stories) : told));
  const models = [
    ...new Set(records.filter(({ topic }) => topic === 'releases').map(({ fields }) => fields['model_id'])),
  ];
  return {
    scenario: scenarioOf({ name: saga.name, records, questions: [] }),
    questions: saga.questions,
    scopes: (models as string[]).flatMap((model) => scopesOf(model, records, random)),
  };
}

/** One name of a record is that of another story. */
function crossed(told: Told, random: Random, stories: number): Told {
  const name = random.pick(NAMES.filter((field) => told.fields[field] !== undefined && told.fields[field] !== null));
  return { ...told, fields: { ...told.fields, [name]: strayed(told.fields[name], random.below(stories)) } };
}

const NAMES = [
  'event_id',
  'session_id',
  'inference_id',
  'payment_id',
  'agent_id',
  'model_id',
  'caused_by',
  'upstream_agent_ids',
  'allocations',
];

function strayed(value: unknown, number: number): unknown {
  if (typeof value === 'string') return value.replace(/\.\d+$/, `.${String(number)}`);
  if (Array.isArray(value)) return value.map((one: unknown) => strayed(one, number));
  const allocation = value as Fields;
  return { ...allocation, inference_id: strayed(allocation['inference_id'], number) };
}

function scopesOf(model: string, records: readonly Told[], random: Random): Scope[] {
  const own = records.filter(({ fields }) => fields['model_id'] === model);
  const releases = [...new Set(own.flatMap(({ fields }) => (fields['release'] as string | undefined) ?? []))].sort();
  const at = Math.floor(random.pick(own).at / 1000) * 1000;
  return [
    { model },
    { model, fromMicros: at - HOUR_MICROS, toMicros: at + HOUR_MICROS },
    ...releases.flatMap((release): Scope[] => [
      { model, release },
      { model, release, activation: random.between(1, 2) },
    ]),
  ];
}
