import type { Question } from '../shared/core/question.js';
import type { Stream } from '../shared/core/record.js';

/** One line of a story: a record as an analyst wrote it, complete with defaults, and when the log has it. */
export interface ScenarioRecord {
  readonly stream: Stream;
  readonly appendedAtMs: number;
  /** Avro field names; values may be wrong on purpose (a share of 50.5), then the record is a dead letter. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Expectation {
  readonly question: Question;
  /** As written, for reports. */
  readonly args: Readonly<Record<string, unknown>>;
  readonly known: string | null;
  /** Null: just print the answer. */
  readonly answer: unknown;
}

export interface Scenario {
  readonly name: string;
  readonly dayMicros: number;
  /** In the order of `arrives`, equal ones as listed. */
  readonly records: readonly ScenarioRecord[];
  readonly expect: readonly Expectation[];
}

export interface Check {
  readonly ask: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly known: string | null;
  readonly expected: unknown;
  readonly actual: unknown;
  readonly pass: boolean;
}

export interface Outcome {
  readonly name: string;
  readonly pass: boolean;
  readonly checks: readonly Check[];
}
