import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ClickHouseConfig } from '../config.js';
import { BacktrailError } from '../errors.js';
import { packageRoot } from '../package-root.js';
import { connectClickHouse, type ClickHouse } from './client.js';
import { splitStatements } from './statements.js';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/;

/** The migrations of this version, in their order. Numbers are 1, 2, 3 ... without holes. */
export function readMigrations(folder = join(packageRoot(), 'infra', 'clickhouse', 'migrations')): Migration[] {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort();
  return files.map((file, index) => {
    const match = FILE_NAME.exec(file);
    if (match === null) throw new Error(`${file} in ${folder} is not named like 0001_name.sql`);
    if (Number(match[1]) !== index + 1) throw new Error(`${file} should have the number ${index + 1}`);
    const sql = readFileSync(join(folder, file), 'utf8');
    return { number: index + 1, name: file, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
}

const MIGRATIONS_TABLE = `
  CREATE TABLE IF NOT EXISTS migrations
  (
    number UInt32 COMMENT 'Number of the migration.',
    name String COMMENT 'File of the migration.',
    checksum String COMMENT 'SHA-256 of the file as applied: an applied file may not change.',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When it was applied.'
  )
  ENGINE = ReplacingMergeTree
  ORDER BY number
  COMMENT 'Migrations applied to this database.'`;

/**
 * Brings the database to this version, creating it if needed, and returns the names of what was applied. Forward only.
 * A statement of a migration must be one that can be run again (IF NOT EXISTS): ClickHouse has no transaction around
 * them, so a migration that was cut off is run again from its start. Throws MIGRATION_CHANGED, and what ClickHouse says.
 */
export async function migrate(config: ClickHouseConfig, migrations = readMigrations()): Promise<string[]> {
  const server = connectClickHouse({ ...config, database: 'default' });
  try {
    await server.command('CREATE DATABASE IF NOT EXISTS {database:Identifier}', { database: config.database });
  } finally {
    await server.close();
  }
  const database = connectClickHouse(config);
  try {
    return await applyMissing(database, migrations);
  } finally {
    await database.close();
  }
}

async function applyMissing(database: ClickHouse, migrations: readonly Migration[]): Promise<string[]> {
  await database.command(MIGRATIONS_TABLE);
  const rows = await database.select<{ number: number; name: string; checksum: string }>(
    'SELECT number, name, checksum FROM migrations FINAL',
  );
  const applied = new Map(rows.map((row) => [row.number, row]));
  for (const { number, name, checksum } of migrations) {
    const before = applied.get(number);
    if (before === undefined || before.checksum === checksum) continue;
    const was = before.name === name ? 'has other contents now' : `is called ${name} now`;
    throw new BacktrailError('MIGRATION_CHANGED', `${before.name} was applied to ${database.database} and ${was}`);
  }
  const missing = migrations.filter((migration) => !applied.has(migration.number));
  for (const { number, name, sql, checksum } of missing) {
    for (const statement of splitStatements(sql)) await database.command(statement);
    await database.insert('migrations', [{ number, name, checksum }]);
  }
  return missing.map((migration) => migration.name);
}

/** The statement that makes each table of a database as it is. */
export async function tableStatements(database: ClickHouse): Promise<ReadonlyMap<string, string>> {
  const rows = await database.select<{ name: string; statement: string }>(
    `SELECT name, create_table_query AS statement FROM system.tables
     WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree') AND name != 'migrations'`,
  );
  return new Map(rows.map(({ name, statement }) => [name, statement]));
}

/**
 * Deletes every row of a throw-away database. Tables that have any are made anew, which takes a quarter of the time that
 * truncating them does; views stay, they know tables by name.
 */
export async function emptyDatabase(database: ClickHouse, statements: ReadonlyMap<string, string>): Promise<void> {
  const rows = await database.select<{ name: string }>(
    'SELECT DISTINCT table AS name FROM system.parts WHERE database = currentDatabase() AND active',
  );
  const filled = [...statements].filter(([table]) => rows.some(({ name }) => name === table));
  if (filled.length === 0) return;
  await database.command(`DROP TABLE ${filled.map(([table]) => table).join(', ')}`);
  for (const [, statement] of filled) await database.command(statement);
}

/** Removes a throw-away database with everything in it. */
export async function dropDatabase(config: ClickHouseConfig): Promise<void> {
  const server = connectClickHouse({ ...config, database: 'default' });
  try {
    await server.command('DROP DATABASE IF EXISTS {database:Identifier} SYNC', { database: config.database });
  } finally {
    await server.close();
  }
}
