import type { Answer, Json, Question } from '../shared/core/question.js';
import type { Expectation } from './truth.js';

/** One answer that is not what the generator knows to be true. */
export interface Difference {
  readonly question: Question;
  /** Where in the answer: `amount.tainted`, `[2].state`. */
  readonly path: string;
  readonly expected: Json;
  readonly actual: Json | undefined;
}

/** In objects only the expected fields count, lists are compared whole (as in SPEC 10). The time an alert was raised is the broker's. */
export function differencesOf({ question, answer: expected }: Expectation, actual: Answer): Difference[] {
  const found: Difference[] = [];
  const comparable = question.ask === 'alerts' ? withoutTimes(actual) : actual;
  compare(expected, comparable, '', (path, left, right) => {
    found.push({ question, path, expected: left, actual: right });
  });
  return found;
}

type Report = (path: string, expected: Json, actual: Json | undefined) => void;

function compare(expected: Json, actual: Json | undefined, path: string, report: Report): void {
  if (isList(expected)) {
    if (!isList(actual) || actual.length !== expected.length) report(path, expected, actual);
    else
      expected.forEach((each, i) => {
        compare(each, actual[i], `${path}[${i}]`, report);
      });
    return;
  }
  if (expected !== null && typeof expected === 'object') {
    if (actual === null || typeof actual !== 'object' || isList(actual)) report(path, expected, actual);
    else if (path.endsWith('traffic') && Object.keys(actual).length !== Object.keys(expected).length)
      report(path, expected, actual);
    else
      for (const [field, value] of Object.entries(expected)) compare(value, actual[field], joined(path, field), report);
    return;
  }
  if (expected !== actual) report(path, expected, actual);
}

function joined(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** By kind and subject, as the generator lists them. */
function withoutTimes(alerts: Answer): Json {
  if (!isList(alerts)) return alerts;
  const name = (alert: Json): string => {
    const { kind, subject } = alert as { kind: string; subject: string };
    return kind + subject;
  };
  return alerts.toSorted((a, b) => (name(a) < name(b) ? -1 : 1));
}
