import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, it } from 'vitest';

import { connectClickHouse } from '../../services/shared/clickhouse/client.js';
import { splitStatements } from '../../services/shared/clickhouse/statements.js';
import { packageRoot } from '../../services/shared/package-root.js';

const { clickhouseUrl: url, clickhouseUser: user, clickhousePassword: password } = inject('endpoints');
const administrator = connectClickHouse({ url, user, password, database: 'default' });
const sql = readFileSync(join(packageRoot(), 'infra', 'clickhouse', 'users.sql'), 'utf8');

afterAll(() => administrator.close());

describe('infra/clickhouse/users.sql', () => {
  it('is SQL that this version of ClickHouse understands', async () => {
    const statements = splitStatements(sql);
    expect(statements).toHaveLength(19);
    for (const statement of statements) {
      const rows = await administrator.select<{ text: string }>('SELECT formatQuery({statement:String}) AS text', {
        statement,
      });
      expect(rows).toHaveLength(1);
    }
  });

  it('gives the reader nothing but reading, and the services no way to take back what was said', () => {
    const granted = (role: string): string | undefined =>
      new RegExp(`GRANT ([^;]*?)\\s+ON backtrail\\.\\* TO ${role}`).exec(sql)?.[1];
    expect(granted('backtrail_replay_role')).toBe('SHOW, SELECT, INSERT');
    expect(granted('backtrail_reader_role')).toBe('SHOW, SELECT');
    expect(granted('backtrail_service_role')).toBe('SHOW, SELECT, INSERT');
  });
});
