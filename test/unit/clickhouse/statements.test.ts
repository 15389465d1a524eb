import { describe, expect, it } from 'vitest';

import { readMigrations } from '../../../services/shared/clickhouse/migrate.js';
import { splitStatements } from '../../../services/shared/clickhouse/statements.js';

describe('splitting a migration', () => {
  it.each([
    ['two statements and a last semicolon', 'SELECT 1;\nSELECT 2;\n', ['SELECT 1', 'SELECT 2']],
    ['a semicolon in quotes', `SELECT ';', ";", \`;\`; SELECT 2`, [`SELECT ';', ";", \`;\``, 'SELECT 2']],
    ['a quote that is escaped', `SELECT '\\';'; SELECT 'it''s;'`, [`SELECT '\\';'`, `SELECT 'it''s;'`]],
    ['comments, which are left out', '-- one; two\nSELECT /* ; */ 1 -- end', ['SELECT   1']],
    ['nothing but a comment', '-- nothing;\n', []],
    ['two dashes in quotes', `SELECT '--', 1`, [`SELECT '--', 1`]],
  ])('takes %s', (_name, sql, statements) => {
    expect(splitStatements(sql)).toEqual(statements);
  });
});

describe('the migrations', () => {
  it('can be run again from their start: ClickHouse has no transaction around them', () => {
    const statements = readMigrations().flatMap(({ sql }) => splitStatements(sql));
    const again = /^(CREATE (TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS|CREATE OR REPLACE VIEW|ALTER TABLE)/;
    const once = statements.filter((statement) => !again.test(statement));
    expect(once).toEqual([]);
  });
});
