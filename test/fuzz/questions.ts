import { seededRandom } from '../../services/demo/random.js';
import type { Question } from '../../services/shared/core/question.js';
import type { Story } from './story.js';
import { eventTime } from './times.js';

const ACTIVATIONS_MAX = 3;

/**
 * Every question about everybody in the story, and about somebody who is not, by default as known at the end and at so many
 * other moments: at, just before and just after append times.
 */
export function questionsOf(story: Story, moments: number): Question[] {
  const random = seededRandom(`questions of ${story.name}`);
  const arrivals = [...new Set(story.records.map(({ arrives }) => arrives / 1000))];
  const asked = everyQuestion(story);
  const known = Array.from({ length: arrivals.length === 0 ? 0 : moments }, () => {
    return random.pick(arrivals) + random.pick([0, 0, -1, 1]);
  });
  return [...asked, ...[...new Set(known)].flatMap((ms) => asked.map((question) => ({ ...question, known: ms })))];
}

function everyQuestion({ name, cast, records }: Story): Question[] {
  const random = seededRandom(`times in ${name}`);
  const times = records.map(({ at }) => at);
  const used = (field: string, ids: readonly string[]): string[] => {
    return ids.filter((id) => records.some(({ fields }) => fields[field] === id));
  };
  const models = [...used('model_id', cast.models), 'no model'];
  const inferences = [...used('inference_id', cast.inferences), 'ghost'];
  const payments = [...used('payment_id', cast.payments), 'ghost'];
  const moments = [eventTime(random), ...(times.length > 0 ? [random.pick(times), random.pick(times) - 1] : [])];
  return [
    { ask: 'incidents' },
    ...models.flatMap((model) => aboutModel(model, moments, cast.releases)),
    ...inferences.flatMap((inference): Question[] =>
      (['served', 'blob', 'proof', 'trail'] as const).map((ask) => ({ ask, inference })),
    ),
    ...payments.map((payment): Question => ({ ask: 'payment', payment })),
  ];
}

function aboutModel(model: string, moments: readonly number[], releases: readonly string[]): Question[] {
  return [
    { ask: 'windows', model },
    { ask: 'alerts', model },
    { ask: 'incidents', model },
    ...moments.map((at): Question => ({ ask: 'timeline', model, at })),
    ...(model === 'no model' ? releases.slice(0, 1) : releases).flatMap((release): Question[] => [
      { ask: 'taint', model, release },
      { ask: 'incident', model, release },
      { ask: 'payments', model, release },
      ...Array.from({ length: ACTIVATIONS_MAX }, (_, i) => i + 1).flatMap((activation): Question[] => [
        { ask: 'payments', model, release, activation },
        { ask: 'agents', model, release, activation },
      ]),
    ]),
  ];
}
