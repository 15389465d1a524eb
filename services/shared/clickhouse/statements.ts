/**
 * Splits a migration into its statements. A semicolon inside quotes, backticks or a comment ends nothing; comments are
 * kept out, so that a file of comments alone has no statement.
 */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let statement = '';
  let i = 0;
  while (i < sql.length) {
    const end = skipComment(sql, i);
    if (end > i) {
      statement += ' ';
      i = end;
      continue;
    }
    const char = sql.charAt(i);
    if (char === "'" || char === '"' || char === '`') {
      const close = endOfQuoted(sql, i);
      statement += sql.slice(i, close);
      i = close;
    } else if (char === ';') {
      statements.push(statement.trim());
      statement = '';
      i += 1;
    } else {
      statement += char;
      i += 1;
    }
  }
  statements.push(statement.trim());
  return statements.filter((text) => text !== '');
}

/** The index after the comment that starts here, or `start` when none does. */
function skipComment(sql: string, start: number): number {
  if (sql.startsWith('--', start)) return indexOrEnd(sql, '\n', start);
  if (sql.startsWith('/*', start)) return Math.min(sql.length, indexOrEnd(sql, '*/', start + 2) + 2);
  return start;
}

/** The index after the closing quote; a backslash escapes the next character, a doubled quote is two quoted parts. */
function endOfQuoted(sql: string, start: number): number {
  const quote = sql.charAt(start);
  let i = start + 1;
  while (i < sql.length && sql.charAt(i) !== quote) i += sql.charAt(i) === '\\' ? 2 : 1;
  return Math.min(sql.length, i + 1);
}

function indexOrEnd(sql: string, needle: string, from: number): number {
  const found = sql.indexOf(needle, from);
  return found === -1 ? sql.length : found;
}
