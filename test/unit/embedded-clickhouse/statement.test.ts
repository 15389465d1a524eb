import { describe, expect, test } from 'vitest';
import { readStatement } from '../../../infra/embedded/clickhouse/statement.js';

function insertParts(text: string): { head: string; clauses: string; format: string; data: string } {
  const statement = readStatement(text);
  if (statement.kind !== 'insert') throw new Error(`read as ${statement.kind}`);
  return {
    head: text.slice(statement.begin, statement.infileAt).trim(),
    clauses: text.slice(statement.infileAt, statement.formatAt).trim(),
    format: statement.format,
    data: text.slice(statement.dataAt),
  };
}

describe('INSERT with data behind it', () => {
  test.each([
    ['INSERT INTO t FORMAT RowBinary\n\x00\n\n;\xff', 'INSERT INTO t', '', 'RowBinary', '\x00\n\n;\xff'],
    [
      'insert into db.t (a, `b c`) format JSONEachRow {"a":1}',
      'insert into db.t (a, `b c`)',
      '',
      'JSONEachRow',
      '{"a":1}',
    ],
    ['INSERT INTO t VALUES (1), (2)', 'INSERT INTO t', '', 'Values', '(1), (2)'],
    [
      "INSERT INTO `format` SETTINGS async_insert=0, x='FORMAT CSV' FORMAT TSV\r\na",
      'INSERT INTO `format`',
      "SETTINGS async_insert=0, x='FORMAT CSV'",
      'TSV',
      'a',
    ],
    [
      '/* FORMAT CSV */ INSERT INTO TABLE format.values FORMAT CSV\n1',
      'INSERT INTO TABLE format.values',
      '',
      'CSV',
      '1',
    ],
    [
      "INSERT INTO FUNCTION file('x', 'CSV', 'a Int8') FORMAT CSV\n1",
      "INSERT INTO FUNCTION file('x', 'CSV', 'a Int8')",
      '',
      'CSV',
      '1',
    ],
    [
      'INSERT INTO {db:Identifier}.{t:Identifier} (* EXCEPT(a)) FORMAT Native\nx',
      'INSERT INTO {db:Identifier}.{t:Identifier} (* EXCEPT(a))',
      '',
      'Native',
      'x',
    ],
    ['INSERT INTO t FORMAT CSV\n\n1', 'INSERT INTO t', '', 'CSV', '\n1'],
  ])('%j', (text, head, clauses, format, data) => {
    expect(insertParts(text)).toEqual({ head, clauses, format, data });
  });

  test('goes through a SELECT when that reads input()', () => {
    const text = "INSERT INTO t SELECT a + 1 FROM input('a UInt8, s String') WHERE a > 0 FORMAT CSV\n1,x";
    const statement = readStatement(text);
    expect(statement).toMatchObject({ kind: 'insert', format: 'CSV', dataAt: text.indexOf('1,x') });
    if (statement.kind === 'insert') expect(text.slice(statement.input?.argumentsAt)).toMatch(/^'a UInt8, s String'\)/);
  });

  test('is not what INSERT ... SELECT is', () => {
    expect(readStatement('INSERT INTO t SELECT 1')).toMatchObject({ kind: 'command', word: 'INSERT' });
    expect(readStatement('INSERT INTO t (a) (SELECT 1)')).toMatchObject({ kind: 'command' });
    expect(readStatement('INSERT INTO t WITH 1 AS x SELECT x')).toMatchObject({ kind: 'command' });
  });

  test('may not name a file of the server', () => {
    const statement = readStatement("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT LineAsString");
    expect(statement).toMatchObject({ kind: 'refused', error: { code: 78 } });
  });

  test('has no semicolon before its data', () => {
    expect(readStatement('INSERT INTO t FORMAT CSV; 1')).toMatchObject({ kind: 'refused', error: { code: 62 } });
  });
});

describe('a statement that reads', () => {
  test.each([
    ['SELECT 1', 'SELECT 1', '', null],
    ['SELECT 1 FORMAT JSON', 'SELECT 1 ', 'FORMAT JSON', 'JSON'],
    ['SELECT 1 FORMAT JSON SETTINGS a=1;', 'SELECT 1 ', 'FORMAT JSON SETTINGS a=1', 'JSON'],
    ['  SELECT format FROM t -- FORMAT CSV\n ; ', 'SELECT format FROM t', '', null],
    ["SELECT 'x FORMAT CSV' AS format", "SELECT 'x FORMAT CSV' AS format", '', null],
    ['(SELECT 1 FORMAT CSV) UNION ALL SELECT 2', '(SELECT 1 FORMAT CSV) UNION ALL SELECT 2', '', null],
    ['SELECT $$;$$, `a;`, "b;"', 'SELECT $$;$$, `a;`, "b;"', '', null],
    ["SELECT 'it''s \\' ;'", "SELECT 'it''s \\' ;'", '', null],
    ['WITH 1 AS x SELECT x FORMAT TSV', 'WITH 1 AS x SELECT x ', 'FORMAT TSV', 'TSV'],
  ])('%j', (text, before, after, format) => {
    const statement = readStatement(text);
    if (statement.kind !== 'read') throw new Error(`read as ${statement.kind}`);
    expect(text.slice(statement.begin, statement.outfileAt)).toBe(before);
    expect(text.slice(statement.outfileAt, statement.end)).toBe(after);
    expect(statement.format).toBe(format);
  });

  test('may not write a file of the server', () => {
    expect(readStatement("SELECT 1 INTO OUTFILE '/tmp/x'")).toMatchObject({ kind: 'refused', error: { code: 48 } });
    expect(readStatement("SELECT 1 INTO/**/OUTFILE '/tmp/x'")).toMatchObject({ kind: 'refused', error: { code: 48 } });
  });
});

describe('refused', () => {
  test.each([
    'SELECT 1; SELECT 2',
    'SELECT 1;DROP TABLE t',
    'SET a = 1; SELECT 1',
    '',
    ' -- nothing',
    '\\d',
    '?? what',
  ])('%j', (text) => {
    expect(readStatement(text)).toMatchObject({ kind: 'refused', error: { code: 62 } });
  });
});
