import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coreEngine } from '../../services/scenario/core-engine.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { insertAlert } from './alert-tables.fixture.js';
import { readBytes, readRows } from './http-reader.fixture.js';
import { serverEnv } from './servers.fixture.js';
import { readStory } from './story-tables.fixture.js';
import { applyStory, dateTime, lastMs, together } from './whole-story.fixture.js';

/** The views are the same for every reader: whatever its settings, whatever the format. */

const STORIES = [
  'the-whole-incident',
  'duplicates-and-conflicts',
  'blob-in-several-releases',
  'flag-targets',
  'incident-reopened',
  'possible-payments',
  'proofs',
  'session-paid-late',
];
const STORY = together(STORIES.map(readStory));
/** Settings that change what names and joins mean: Backtrail sends the first, some clients and analysts the second. */
const OTHERS_SET = { prefer_column_name_to_alias: '1', join_use_nulls: '1' };
const QUOTED = { output_format_json_quote_64bit_integers: '1' };
const THEN_MS = Date.parse('2026-03-10T10:45:00.000Z');
/** Each reads every view there is, some of them several times. */
const LONG_MS = 180_000;

interface View {
  readonly name: string;
  /** Ways to read it: with each value of its parameters. */
  readonly readings: readonly string[];
}

let config: Config;
let database: ClickHouse;
let views: View[];

beforeAll(async () => {
  config = loadConfig({ ...serverEnv(), CLICKHOUSE_DATABASE: `readers_test_${process.pid}` });
  await migrate(config.clickhouse);
  database = connectClickHouse(config.clickhouse);
  await applyStory(config, database, STORY, [THEN_MS, lastMs(STORY)]);
  await insertAlert(database, THEN_MS - 1);
  const place = { topic: 't', partition: 0 };
  await database.insert('gap_rows', [
    { ...place, from_offset: '5', to_offset: '7', reason: 'NO_RECORD' },
    { ...place, from_offset: '0', to_offset: '3', reason: 'BEFORE_RETENTION' },
  ]);
  const redriven = { ...place, offset: '4', redrive_id: 'r', by: 'me', search_from: '5', at: THEN_MS };
  await database.insert('redrive_rows', [
    { ...redriven, step: 'INTENDED' },
    { ...redriven, step: 'SENT', to_partition: 0, to_offset: '9' },
  ]);
  views = await readableViews();
});

afterAll(async () => {
  await database.close();
  await dropDatabase(config.clickhouse);
});

async function readableViews(): Promise<View[]> {
  const rows = await readRows<{ name: string; statement: string }>(
    config.clickhouse,
    "SELECT name, create_table_query AS statement FROM system.tables WHERE database = currentDatabase() AND engine = 'View'",
  );
  const values: Readonly<Record<string, readonly string[]>> = {
    known_at: [dateTime(THEN_MS)],
    from: [dateTime(0)],
    until: [dateTime(lastMs(STORY))],
    payment_id: ['the whole incident: p-two', 'the whole incident: p-waiting'],
    inference_id: ['the whole incident: r3'],
  };
  return rows.map(({ name, statement }) => {
    const parameters = [...new Set([...statement.matchAll(/\{(\w+):/g)].map((match) => match[1] ?? ''))];
    let readings = [''];
    for (const parameter of parameters) {
      readings = readings.flatMap((before) =>
        (values[parameter] ?? []).map((value) => `${before}${before && ', '}${parameter} = '${value}'`),
      );
    }
    return { name, readings: readings.map((one) => (one === '' ? name : `${name}(${one})`)) };
  });
}

async function sorted(sql: string, settings: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const rows = await readRows(config.clickhouse, sql, { settings });
  return rows.map((row) => JSON.stringify(row)).sort();
}

describe('a reader of the views', () => {
  it('gets rows of each, the same whatever its settings', { timeout: LONG_MS }, async () => {
    for (const { name, readings } of views) {
      let count = 0;
      for (const reading of readings) {
        const rows = await sorted(`SELECT * FROM ${reading}`);
        count += rows.length;
        const others = await sorted(`SELECT * FROM ${reading}`, OTHERS_SET);
        expect({ reading, rows: others }).toEqual({ reading, rows });
      }
      expect({ name, count }).not.toEqual({ name, count: 0 });
    }
  });

  it('gets the types that the columns of a view declare', { timeout: LONG_MS }, async () => {
    for (const { name, readings } of views) {
      if (readings[0] !== name) continue;
      const declared = await readRows<{ name: string; type: string }>(
        config.clickhouse,
        'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {name:String} ORDER BY position',
        { params: { name } },
      );
      const header = await readBytes(config.clickhouse, `SELECT * FROM ${name}`, {
        format: 'JSONCompactEachRowWithNamesAndTypes',
      });
      const [names, types] = header
        .toString()
        .split('\n')
        .slice(0, 2)
        .map((line) => JSON.parse(line) as string[]);
      expect({ name, names, types }).toEqual({
        name,
        names: declared.map((one) => one.name),
        types: declared.map((one) => one.type),
      });
    }
  });

  it(
    'gets all of it in JSON, Native and RowBinary: what is written back from these is the same',
    { timeout: LONG_MS },
    async () => {
      for (const { name, readings } of views) {
        // One as of K has the types of the one as known now.
        const reading = readings.at(-1) ?? '';
        if (views.some((other) => `${other.name}_as_of` === name)) continue;
        const json = await readBytes(config.clickhouse, `SELECT * FROM ${reading}`, {
          format: 'JSON',
          settings: QUOTED,
        });
        const { data } = JSON.parse(json.toString()) as { readonly data: readonly object[] };
        const rows = data.map((row) => JSON.stringify(row)).sort();
        await database.command(`CREATE OR REPLACE TABLE written ENGINE = Memory AS SELECT * FROM ${reading} LIMIT 0`);
        for (const format of ['Native', 'RowBinary']) {
          const body = await readBytes(config.clickhouse, `SELECT * FROM ${reading}`, { format });
          await readBytes(config.clickhouse, `INSERT INTO written FORMAT ${format}`, { body });
        }
        expect({ reading, rows: await sorted('SELECT * FROM written') }).toEqual({
          reading,
          rows: rows.flatMap((row) => [row, row]),
        });
      }
      await database.command('DROP TABLE written');
    },
  );
});

describe('inference_trail', () => {
  const core = coreEngine(STORY);
  const ids = STORY.records.flatMap(({ fields }) => {
    const { inference_id: id, caused_by: causes } = fields as { inference_id?: string; caused_by?: string[] };
    return [...(id === undefined ? [] : [id]), ...(causes ?? [])];
  });

  it.each(STORIES)('lists the records that the answer rests on: %s', { timeout: LONG_MS }, async (name) => {
    const mine = [...new Set(ids)].filter((id) => id.startsWith(`${readStory(name).name}: `));
    expect(mine.length).toBeGreaterThan(1);
    for (const [index, inference] of mine.entries()) {
      // Every other one while the story was still going on.
      const known = index % 2 === 0 ? lastMs(STORY) : THEN_MS;
      const rows = await readRows<Record<string, string>>(
        config.clickhouse,
        `SELECT topic, partition, offset, event_id, occurred_at, appended_at
         FROM inference_trail(known_at = {known_at:DateTime64(3, 'UTC')}, inference_id = {inference:String})`,
        { params: { known_at: dateTime(known), inference } },
      );
      const records = rows.map((row) => ({
        ...row,
        occurred_at: iso(row['occurred_at'] ?? ''),
        appended_at: iso(row['appended_at'] ?? ''),
      }));
      const answer = core({ ask: 'trail', inference, known }) as unknown as { readonly records: readonly object[] };
      expect({ inference, known, records: lines(records) }).toEqual({
        inference,
        known,
        records: lines(answer.records),
      });
    }
  });
});

function iso(time: string): string {
  return `${time.slice(0, 23).replace(' ', 'T')}Z`;
}

function lines(records: readonly object[]): string[] {
  return records.map((record) => JSON.stringify(record)).sort();
}

describe('the database says what it holds', () => {
  // A materialized view only writes the table it names, whose columns have them.
  it('in a comment of every table and view, and of every column that can have one', async () => {
    expect(
      await readRows(
        config.clickhouse,
        `SELECT name, '' AS column FROM system.tables WHERE database = currentDatabase() AND comment = ''
         UNION ALL SELECT table, name FROM system.columns WHERE database = currentDatabase() AND comment = '' AND table NOT IN (
           SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView')`,
      ),
    ).toEqual([]);
    const columns = await readRows<{ table: string }>(
      config.clickhouse,
      'SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase()',
    );
    const described = new Set(columns.map(({ table }) => table));
    // ClickHouse knows no columns of a view before its parameters have values.
    expect(views.filter(({ name, readings }) => described.has(name) !== (readings[0] === name))).toEqual([]);
  });

  it('on the page of queries, every view of it', () => {
    const page = readFileSync(join(packageRoot(), 'infra', 'clickhouse', 'queries.md'), 'utf8');
    const missing = views.filter(({ name }) => !name.endsWith('_as_of') && !new RegExp(`\`${name}[\`(]`).test(page));
    expect(missing).toEqual([]);
  });
});
