import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';

import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate, readMigrations } from '../../services/shared/clickhouse/migrate.js';

const endpoints = inject('endpoints');
const config = {
  url: endpoints.clickhouseUrl,
  user: endpoints.clickhouseUser,
  password: endpoints.clickhousePassword,
  database: `t${randomBytes(5).toString('hex')}`,
};
let database: ClickHouse;

beforeEach(() => {
  database = connectClickHouse(config);
});
afterEach(async () => {
  await database.close();
  await dropDatabase(config);
});

describe('migrating', () => {
  it('applies each migration once, and says which', async () => {
    expect(await migrate(config)).toEqual(readMigrations().map(({ name }) => name));
    expect(await migrate(config)).toEqual([]);
  });

  it('leaves no table and no column without a comment', async () => {
    await migrate(config);
    const bare = await database.select(
      `SELECT table, '' AS name FROM system.tables WHERE database = {database:String} AND comment = ''
       UNION ALL
       SELECT table, name FROM system.columns WHERE database = {database:String} AND comment = ''`,
      { database: config.database },
    );
    expect(bare).toEqual([]);
  });

  it('is clear about an applied file that changed', async () => {
    const [first, ...rest] = readMigrations();
    if (first === undefined) throw new Error('there are no migrations');
    await migrate(config);
    const changed = [{ ...first, checksum: 'another' }, ...rest];
    await expect(migrate(config, changed)).rejects.toMatchObject({
      code: 'MIGRATION_CHANGED',
      message: expect.stringContaining('0001_facts.sql') as unknown,
    });
  });

  it('goes on after a migration that was cut off', async () => {
    const [first] = readMigrations();
    if (first === undefined) throw new Error('there are no migrations');
    const sql = `${first.sql};\nSELECT nonsense`;
    await expect(migrate(config, [{ ...first, sql }])).rejects.toMatchObject({ code: 'CLICKHOUSE_NOT_MIGRATED' });
    expect(await migrate(config)).toContain('0001_facts.sql');
  });
});
