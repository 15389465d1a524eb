import { differencesOf, type Difference } from '../demo/compare.js';
import type { Report, UnknownReport } from '../demo/incident-report.js';
import type { RequestTruth, Truth } from '../demo/truth.js';
import type { ClickHouse } from '../shared/clickhouse/client.js';
import type { Answer, Json, Question } from '../shared/core/question.js';

interface Known {
  readonly database: ClickHouse;
  readonly ask: (question: Question) => Promise<Answer>;
}

/** The client has more connections than that. */
const AT_ONCE = 4;

/**
 * Compares with the truth what has not been compared yet: questions about single requests and payments, the rows of all
 * requests, what stays unknown, and that each refused record is a dead letter.
 */
export async function checkTruth(
  { database, ask }: Known,
  truth: Truth,
  { unknown, differences }: { unknown: UnknownReport; differences: readonly Difference[] },
): Promise<Report['checks']> {
  const found = [...differences];
  const single = truth.expectations.filter(({ question }) => !('model' in question));
  for (let i = 0; i < single.length; i += AT_ONCE) {
    const asked = single.slice(i, i + AT_ONCE).map(async (expectation) => {
      return differencesOf(expectation, await ask(expectation.question));
    });
    found.push(...(await Promise.all(asked)).flat());
  }
  found.push(...(await requestDifferences(database, truth)));
  found.push(...unknownDifferences(unknown, truth));
  return { answers: truth.expectations.length, requests: truth.requests.size, differences: found };
}

/** The rows that the services wrote, all of them: what analysts see must be as true as what `ask` computes. */
async function requestDifferences(database: ClickHouse, truth: Truth): Promise<Difference[]> {
  const rows = await database.select<RequestTruth & { inference_id: string }>(
    `SELECT inference_id, status, release, activation, phase FROM inferences
     WHERE model_id IN {models:Array(String)}`,
    { models: truth.models },
  );
  const found: Difference[] = [];
  const seen = new Map(rows.map(({ inference_id: id, ...row }) => [id, row]));
  for (const [inference, expected] of truth.requests) {
    const { status, release, activation, phase } = seen.get(inference) ?? {};
    const actual = { status, release, activation, phase };
    const differs = (Object.keys(expected) as (keyof RequestTruth)[]).some(
      (field) => expected[field] !== actual[field],
    );
    if (differs) found.push(rowDifference({ ask: 'served', inference }, 'row', expected, seen.get(inference) ?? null));
  }
  for (const inference of seen.keys()) {
    if (!truth.requests.has(inference))
      found.push(rowDifference({ ask: 'served', inference }, 'row', null, seen.get(inference) ?? null));
  }
  return found;
}

function unknownDifferences(unknown: UnknownReport, truth: Truth): Difference[] {
  const refused = Object.values(truth.refused).reduce((sum, count) => sum + count, 0);
  const pairs: [string, Json, Json][] = [
    ['ambiguous', truth.unknown.ambiguous, unknown.ambiguous],
    ['unattributed', truth.unknown.unattributed, unknown.unattributed],
    ['pending', truth.unknown.pending, unknown.pending],
    ['waiting', truth.unknown.waiting, unknown.waiting],
    ['unattributed_amount', truth.unknown.unattributedAmount.toString(), unknown.unattributed_amount],
    ['dead_letters', refused, unknown.dead_letters.reduce((sum, { records }) => sum + records, 0)],
  ];
  return pairs
    .filter(([, expected, actual]) => expected !== actual)
    .map(([path, expected, actual]) => rowDifference({ ask: 'incidents' }, `unknown.${path}`, expected, actual));
}

function rowDifference(
  question: Difference['question'],
  path: string,
  expected: RequestTruth | Json,
  actual: RequestTruth | Json,
): Difference {
  return { question, path, expected: expected as Json, actual: actual as Json };
}
