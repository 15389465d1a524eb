import type { Answer, Question } from '../shared/core/question.js';
import { matches } from './compare.js';
import type { Check, Outcome, Scenario } from './scenario.js';

/** Asks everything a story expects; `answer` is the engine's. */
export async function runScenario(
  scenario: Scenario,
  answer: (question: Question) => Answer | Promise<Answer>,
): Promise<Outcome> {
  const checks: Check[] = [];
  for (const { question, args, known, answer: expected } of scenario.expect) {
    const actual = await answer(question);
    const pass = expected === null || matches(expected, actual, scenario.dayMicros);
    checks.push({ ask: question.ask, args, known, expected, actual, pass });
  }
  return { name: scenario.name, pass: checks.every((check) => check.pass), checks };
}
