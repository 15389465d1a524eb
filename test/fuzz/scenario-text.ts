import type { Answer, Question } from '../../services/shared/core/question.js';
import { clockOf, DAY } from './times.js';
import type { Told } from './told.js';

/** What is asked, and what the answer must be where that is to be compared. */
export interface Asked {
  readonly question: Question;
  readonly answer?: Answer;
}

const TIMES = ['effective_at', 'from', 'until'];

/** A scenario file (SPEC 10) of these records and questions, one a line. */
export function scenarioText(name: string, records: readonly Told[], asked: readonly Asked[]): string {
  const lines = [
    `name: ${JSON.stringify(name)}`,
    `day: ${DAY}`,
    records.length === 0 ? 'records: []' : 'records:',
    ...records.map((told) => `  - ${flow(recordLine(told))}`),
    asked.length === 0 ? 'expect: []' : 'expect:',
    ...asked.map(({ question, answer }) => `  - ${flow(expectLine(question, answer))}`),
  ];
  return `${lines.join('\n')}\n`;
}

function recordLine({ topic, at, arrives, fields }: Told): Record<string, unknown> {
  const clock = clockOf(at);
  const shown = Object.entries(fields).flatMap(([name, value]): [string, unknown][] => {
    if (value === null || value === undefined) return [];
    return [[name, TIMES.includes(name) ? clockOf(value as number) : value]];
  });
  return { topic, at: clock, ...(arrives === at ? {} : { arrives: clockOf(arrives) }), ...Object.fromEntries(shown) };
}

function expectLine(question: Question, answer: Answer | undefined): Record<string, unknown> {
  const { ask, known, ...args } = question;
  return {
    ask,
    ...args,
    ...('at' in args ? { at: clockOf(args.at) } : {}),
    ...(known === undefined ? {} : { known: clockOf(known * 1000) }),
    ...(answer === undefined ? {} : { answer }),
  };
}

/** JSON is YAML, but for what a YAML reader takes for the end of a line or does not print. */
function flow(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029\ufeff\u200b]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
