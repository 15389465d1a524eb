import type { ClickHouse } from '../shared/clickhouse/client.js';
import type { Question } from '../shared/core/question.js';
import { membersOf, scopeParams } from './content.js';
import { isTime, type Scope } from './manifest.js';

/**
 * Whether a run that read only what its scope needs can answer a question: of anything else it may have a part, and that would
 * be a wrong answer.
 * @param database of the run
 */
export async function isInScope(
  question: Question,
  { scope, database }: { readonly scope: Scope; readonly database: Pick<ClickHouse, 'select' | 'database'> },
): Promise<boolean> {
  switch (question.ask) {
    case 'timeline':
    case 'windows':
      return true; // The releases are read whole.
    case 'incidents':
    case 'alerts':
      return question.model === scope.model && scope.release === undefined && !isTime(scope);
    case 'incident':
    case 'taint':
    case 'payments':
    case 'agents': {
      const isRelease = scope.release === undefined || scope.release === question.release;
      return question.model === scope.model && isRelease && !isTime(scope);
    }
    case 'payment':
      return holds(database, scope, { view: 'payment_records', column: 'payment_id', id: question.payment });
    case 'served':
    case 'blob':
    case 'proof':
    case 'trail':
      return holds(database, scope, { view: 'inference_records', column: 'inference_id', id: question.inference });
  }
}

async function holds(
  database: Pick<ClickHouse, 'select' | 'database'>,
  scope: Scope,
  { view, column, id }: { view: string; column: 'payment_id' | 'inference_id'; id: string },
): Promise<boolean> {
  const members = membersOf(scope, [database.database]);
  const condition = (column === 'payment_id' ? members.payments : members.inferences)(column);
  const [row] = await database.select<{ n: string }>(
    `SELECT count() AS n FROM ${view} WHERE ${column} = {id:String} AND ${condition}`,
    { ...scopeParams(scope), id },
  );
  return row?.n !== '0';
}
