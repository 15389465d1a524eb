import type { ClickHouse } from '../shared/clickhouse/client.js';
import { idsBeginning } from '../shared/clickhouse/alert-handling.js';
import { usageError } from './exit.js';
import { printable } from './table.js';

type Database = Pick<ClickHouse, 'select'>;

/** As much of an id as is printed in a table; `ack` and the others take it. */
export const SHORT = 12;
const NAMED_MAX = 4;

/** The alerts that ids, or their beginnings, name. Throws a usage error that names all that name none, or several. */
export async function alertIds(database: Database, given: readonly string[]): Promise<string[]> {
  return resolved(database, { view: 'alerts', id: 'alert_id' } as const, { what: 'alert', given });
}

export async function silenceIds(database: Database, given: readonly string[]): Promise<string[]> {
  return resolved(database, { view: 'alert_silences', id: 'silence_id' } as const, { what: 'silence', given });
}

async function resolved(
  database: Database,
  from: Parameters<typeof idsBeginning>[1],
  { what, given }: { what: string; given: readonly string[] },
): Promise<string[]> {
  const ids: string[] = [];
  const problems: string[] = [];
  for (const prefix of given) {
    const found = prefix === '' ? [] : await idsBeginning(database, from, { prefix, limit: NAMED_MAX });
    const [first] = found;
    if (first === undefined) problems.push(`no ${what} begins with '${printable(prefix)}'`);
    else if (found.length > 1 && first !== prefix) {
      problems.push(`several ${what}s begin with '${printable(prefix)}': ${found.join(', ')}`);
    } else ids.push(first);
  }
  if (problems.length > 0) throw usageError(problems.join('; '));
  return [...new Set(ids)];
}
