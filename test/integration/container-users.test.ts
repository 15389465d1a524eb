import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, it } from 'vitest';

import { connectClickHouse } from '../../services/shared/clickhouse/client.js';
import { migrate } from '../../services/shared/clickhouse/migrate.js';
import { splitStatements } from '../../services/shared/clickhouse/statements.js';
import type { ClickHouseConfig } from '../../services/shared/config.js';
import { packageRoot } from '../../services/shared/package-root.js';

const { clickhouseUrl: url, clickhouseUser: user, clickhousePassword: password } = inject('endpoints');
const administrator = connectClickHouse({ url, user, password, database: 'default' });
const sql = readFileSync(join(packageRoot(), 'infra', 'clickhouse', 'users.sql'), 'utf8');

/** chDB, which stands in where there are no containers, has no users but the one that asks. */
const keepsUsers = await administrator.command('CREATE ROLE IF NOT EXISTS backtrail_probe').then(
  () => true,
  () => false,
);
if (keepsUsers) await administrator.command('DROP ROLE IF EXISTS backtrail_probe');

afterAll(() => administrator.close());

describe.runIf(keepsUsers)('the four users, on a server that keeps users', () => {
  const name = `users_${randomBytes(4).toString('hex')}`;
  const as = (who: string): ClickHouseConfig => {
    return { url, user: `${name}_${who}`, password: `change-me-${who}`, database: name };
  };

  afterAll(async () => {
    for (const database of [name, `${name}_replay_run`]) {
      await administrator.command('DROP DATABASE IF EXISTS {database:Identifier}', { database });
    }
    for (const who of ['owner', 'service', 'reader', 'replay']) {
      await administrator.command(`DROP USER IF EXISTS ${name}_${who}`);
      await administrator.command(`DROP ROLE IF EXISTS ${name}_${who}_role`);
    }
    await administrator.command(`DROP SETTINGS PROFILE IF EXISTS ${name}_reader_profile`);
  });

  it('can do their work, and no more', async () => {
    for (const statement of splitStatements(sql.replaceAll(/\bbacktrail(?=[_.])/g, name))) {
      await administrator.command(statement);
    }
    await migrate(as('owner'));

    const service = connectClickHouse(as('service'));
    const reader = connectClickHouse(as('reader'));
    const denied = { code: 'CLICKHOUSE_DENIED' };
    await service.command('INSERT INTO gap_rows SELECT * FROM gap_rows');
    await service.select('SELECT * FROM progress');
    await expect(service.command('TRUNCATE TABLE progress_rows')).rejects.toMatchObject(denied);
    await reader.select('SELECT * FROM progress');
    await expect(reader.command('INSERT INTO gap_rows SELECT * FROM gap_rows')).rejects.toMatchObject(denied);
    await expect(reader.select('SELECT 1 SETTINGS max_execution_time = 100000')).rejects.toMatchObject({
      code: 'CLICKHOUSE_REFUSED',
    });

    const run = { database: `${name}_replay_run` };
    await migrate({ ...as('replay'), ...run });
    await reader.select(`SELECT * FROM ${run.database}.progress`);
    await expect(migrate({ ...as('service'), ...run })).rejects.toMatchObject(denied);
    await expect(migrate({ ...as('replay'), database: `${name}_other` })).rejects.toMatchObject(denied);
    const replay = connectClickHouse(as('replay'));
    await replay.command('INSERT INTO replay_runs SELECT * FROM replay_runs');
    await expect(replay.command('TRUNCATE TABLE replay_runs')).rejects.toMatchObject(denied);
    await Promise.all([service.close(), reader.close(), replay.close()]);
  });
});
