import type { Answer, Question } from '../shared/core/question.js';
import { matches } from './compare.js';
import type { Check, Outcome, Scenario } from './scenario.js';

/** Asks everything a story expects; `answer` is the engine's. */
export async function runScenario(
  scenario: Scenario,
  answer: (question: Question) => Answer | Promise<Answer>,
): Promise<Outcome> {
  // All at once: how many are under way is for the engine's connections to bound.
  const checks = await Promise.all(
    scenario.expect.map(async ({ question, args, known, answer: expected }): Promise<Check> => {
      const actual = await answer(question);
      const pass = expected === null || matches(expected, actual, scenario.dayMicros);
      return { ask: question.ask, args, known, expected, actual, pass };
    }),
  );
  return { name: scenario.name, pass: checks.every((check) => check.pass), checks };
}
