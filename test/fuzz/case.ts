import { isDeepStrictEqual } from 'node:util';
import { coreEngine } from '../../services/scenario/core-engine.js';
import { parseScenario } from '../../services/scenario/parse.js';
import type { Scenario } from '../../services/scenario/scenario.js';
import type { Answer, Question } from '../../services/shared/core/question.js';
import { partitionOf } from '../../services/shared/kafka/partitioner.js';
import { scenarioText } from './scenario-text.js';
import type { Told } from './told.js';

/** What is told, and what is asked about it. */
export interface Case {
  readonly name: string;
  readonly records: readonly Told[];
  readonly questions: readonly Question[];
}

/** A question that two engines answer differently. */
export interface Difference {
  readonly question: Question;
  readonly expected: Answer;
  readonly actual: unknown;
}

/** As the scenario file that would be printed of it: what is run is what somebody else can run. */
export function scenarioOf({ name, records, questions }: Case): Scenario {
  const asked = questions.map((question) => ({ question }));
  return parseScenario(name, scenarioText(name, records, asked));
}

/** What the pure core says to every question of a scenario, on topics with so many partitions. */
export function coreAnswers(scenario: Scenario, partitions = 1): Answer[] {
  const answer = coreEngine(scenario, (key) => partitionOf(key, partitions));
  return scenario.expect.map(({ question }) => answer(question));
}

/** Every question that is answered differently, in every field. */
export function differences(scenario: Scenario, expected: readonly Answer[], actual: readonly unknown[]): Difference[] {
  return scenario.expect.flatMap(({ question }, i) => {
    const wanted = expected[i] as Answer;
    return isDeepStrictEqual(wanted, actual[i]) ? [] : [{ question, expected: wanted, actual: actual[i] }];
  });
}
