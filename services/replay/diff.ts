import { listed } from '../shared/clickhouse/conditions.js';
import { columnsOf, contentsOf, membersOf, quoted, rowHash, scopeParams, type Content, type Side } from './content.js';
import type { Scope } from './manifest.js';

/** What makes a row what it is: the record, or the rule and from when it was so. */
export type Because =
  | { readonly partition: number; readonly offset: string; readonly event_id: string }
  | { readonly rule: string; readonly known_at: string | null };

/** One field of one row of which the two sides say different things; `field` is null where one side has no such row. */
export interface Difference {
  readonly table: string;
  readonly key: Readonly<Record<string, unknown>>;
  readonly field: string | null;
  readonly left: unknown;
  readonly right: unknown;
  readonly because: Because;
}

export interface Diff {
  readonly equal: boolean;
  readonly differences: readonly Difference[];
  /** More rows of a table differ than are listed. */
  readonly cut: boolean;
}

/** Rows of one table and side that are compared field by field. */
const ROWS_MAX = 1_000;

type Row = Readonly<Record<string, unknown>>;

/** What two sides say differently of a scope. */
export async function diff(
  scope: Scope,
  { left, right }: { readonly left: Side; readonly right: Side },
): Promise<Diff> {
  const differences: Difference[] = [];
  let cut = false;
  const isPast = left.knownAtMs !== null || right.knownAtMs !== null;
  for (const content of contentsOf(membersOf(scope, [left.database.database, right.database.database]))) {
    if (isPast && content.latestOnly === true) continue;
    const [lefts, rights] = [await hashesOf(content, scope, left), await hashesOf(content, scope, right)];
    const [onLeft, onRight] = [missingIn(rights, lefts), missingIn(lefts, rights)];
    cut ||= onLeft.length > ROWS_MAX || onRight.length > ROWS_MAX;
    const some = [await rowsOf(content, scope, left, onLeft), await rowsOf(content, scope, right, onRight)] as const;
    differences.push(...pairs(content, ...some));
  }
  return { equal: differences.length === 0, differences, cut };
}

async function hashesOf(content: Content, scope: Scope, side: Side): Promise<Set<string>> {
  const { all, condition } = await columnsOf(content, side);
  const rows = await side.database.select<{ hash: string }>(
    `SELECT hex(${rowHash(all)}) AS hash FROM ${content.view} WHERE ${condition} ORDER BY hash`,
    scopeParams(scope),
  );
  return new Set(rows.map(({ hash }) => hash));
}

function missingIn(others: ReadonlySet<string>, own: ReadonlySet<string>): string[] {
  return [...own].filter((hash) => !others.has(hash));
}

async function rowsOf(content: Content, scope: Scope, side: Side, hashes: readonly string[]): Promise<Row[]> {
  if (hashes.length === 0) return [];
  const { all, condition } = await columnsOf(content, side);
  const named = listed('hash', hashes.slice(0, ROWS_MAX));
  return side.database.select<Row>(
    `SELECT ${all.map(quoted).join(', ')} FROM ${content.view}
     WHERE ${condition} AND hex(${rowHash(all)}) IN ${named.sql} ORDER BY ${content.keys.map(quoted).join(', ')}`,
    { ...scopeParams(scope), ...named.params },
  );
}

/** Rows of one key are one row that differs in fields; the others are there on one side only. */
export function pairs(content: Content, onLeft: readonly Row[], onRight: readonly Row[]): Difference[] {
  const keyOf = (row: Row): string => JSON.stringify(content.keys.map((key) => row[key]));
  const rights = new Map(onRight.map((row) => [keyOf(row), row]));
  const found: Difference[] = [];
  const add = (row: Row, field: string | null, values: { left: unknown; right: unknown }): void => {
    const key = Object.fromEntries(content.keys.map((name) => [name, row[name]]));
    found.push({ table: content.name, key, field, ...values, because: becauseOf(content, row) });
  };
  for (const row of onLeft) {
    const other = rights.get(keyOf(row));
    rights.delete(keyOf(row));
    if (other === undefined) add(row, null, { left: row, right: null });
    else {
      for (const [field, left] of Object.entries(row)) {
        const right = other[field];
        if (JSON.stringify(left) !== JSON.stringify(right)) add(row, field, { left, right });
      }
    }
  }
  for (const row of rights.values()) add(row, null, { left: null, right: row });
  return found;
}

function becauseOf({ rule }: Content, row: Row): Because {
  if (rule !== undefined) return { rule, known_at: (row['known_at'] ?? row['changed_at'] ?? null) as string | null };
  const { partition, offset, event_id: event } = row;
  return { partition: Number(partition), offset: String(offset), event_id: String(event) };
}
