import type { Question } from '../../services/shared/core/question.js';
import type { Case } from './case.js';
import type { Told } from './told.js';

/** Fields that name something across models; the rest is only known within its model. */
const NAMES = [
  'event_id',
  'model_id',
  'inference_id',
  'payment_id',
  'agent_id',
  'session_id',
  'proof_id',
  'change_id',
  'reverts_change_id',
  'caused_by',
  'upstream_agent_ids',
  'allocations',
];
/** Questions about everything would answer for all stories at once. */
const OF_ALL = 'incidents';

/** Many stories as one: each keeps to itself, under names of its own. */
export function sagaOf(name: string, cases: readonly Case[]): Case {
  return {
    name,
    records: cases.flatMap(({ records }, i) => records.map((told) => renamed(told, i))),
    questions: cases.flatMap(({ questions }, i) =>
      questions
        .filter((question) => question.ask !== OF_ALL || question.model !== undefined)
        .map((question) => aboutRenamed(question, i)),
    ),
  };
}

function renamed(told: Told, number: number): Told {
  const fields = Object.entries(told.fields).map(([field, value]) => {
    return [field, NAMES.includes(field) ? rename(value, number) : value] as const;
  });
  return { ...told, fields: Object.fromEntries(fields) };
}

function rename(value: unknown, number: number): unknown {
  if (typeof value === 'string') return `${value}.${number}`;
  if (Array.isArray(value)) return value.map((item: unknown) => rename(item, number));
  if (value === null || typeof value !== 'object') return value;
  // An allocation: only its inference is a name.
  return { ...value, inference_id: `${String((value as { inference_id: unknown }).inference_id)}.${number}` };
}

function aboutRenamed(question: Question, number: number): Question {
  const names = ['model', 'inference', 'payment'];
  const entries = Object.entries(question).map(([field, value]) => {
    return [field, names.includes(field) ? `${String(value)}.${number}` : value] as const;
  });
  return Object.fromEntries(entries) as unknown as Question;
}
