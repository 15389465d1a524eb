import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coreEngine } from '../../services/scenario/core-engine.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import type { Question } from '../../services/shared/core/question.js';
import { packageRoot } from '../../services/shared/package-root.js';
import { readRows } from './http-reader.fixture.js';
import { serverEnv } from './servers.fixture.js';
import { readStory } from './story-tables.fixture.js';
import { applyStory, dateTime, lastMs } from './whole-story.fixture.js';

/** The page infra/clickhouse/queries.md as an analyst uses it: each statement as it stands there, over plain HTTP. */

type Row = Readonly<Record<string, unknown>>;

const PAGE = readFileSync(join(packageRoot(), 'infra', 'clickhouse', 'queries.md'), 'utf8');
const STATEMENTS = statementsOf(PAGE);
const STORY = readStory('the-whole-incident');
const NOW = lastMs(STORY);
const THEN = Date.parse('2026-03-10T11:30:00.000Z');
const VALUES = { model: 'm', release: 'v2', inference: 'r6', known_at: dateTime(THEN) };
const INFERENCES = ['r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10'];
/** What some clients send with everything; ours sends the first. */
const OTHERS_SET = { prefer_column_name_to_alias: '1', join_use_nulls: '1' };
const OF_V2 = { model: 'm', release: 'v2' };

let config: Config;
let database: ClickHouse;
const core = coreEngine(STORY);

beforeAll(async () => {
  config = loadConfig({ ...serverEnv(), CLICKHOUSE_DATABASE: `queries_test_${process.pid}` });
  await migrate(config.clickhouse);
  database = connectClickHouse(config.clickhouse);
  await applyStory(config, database, STORY);
});

afterAll(async () => {
  await database.close();
  await dropDatabase(config.clickhouse);
});

/** By the number of its section, 0 before the first, and its place in it: `4.2`. */
function statementsOf(page: string): ReadonlyMap<string, string> {
  const statements = new Map<string, string>();
  for (const [section, text] of page.split(/^## (?=\d)/m).entries()) {
    const blocks = [...text.matchAll(/^```sql\n(.*?)^```$/gms)];
    for (const [index, block] of blocks.entries()) statements.set(`${section}.${index + 1}`, block[1] ?? '');
  }
  return statements;
}

async function run(name: string, values: Readonly<Record<string, string>> = {}): Promise<Row[]> {
  return readRows(config.clickhouse, STATEMENTS.get(name) ?? `no statement ${name}`, {
    params: { ...VALUES, ...values },
  });
}

function ask(question: Question): Row {
  return core(question) as unknown as Row;
}

function column(rows: readonly Row[], name: string): unknown[] {
  return rows.map((row) => row[name]);
}

/** Event times of the tables as answers have them, to the millisecond. */
function iso(time: unknown): string | null {
  return typeof time === 'string' ? `${time.slice(0, 23).replace(' ', 'T')}Z` : null;
}

function tally(keys: readonly unknown[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[JSON.stringify(key)] = (counts[JSON.stringify(key)] ?? 0) + 1;
  return counts;
}

function total(rows: readonly Row[], name: string): string {
  return String(rows.reduce((sum, row) => sum + BigInt(String(row[name])), 0n));
}

describe('the queries of an incident', () => {
  it('are ten, need no FINAL, and each gives rows whatever settings a client has', async () => {
    expect(PAGE.match(/^## \d+\. /gm)).toHaveLength(10);
    expect([...STATEMENTS.keys()]).toEqual([
      '0.1',
      '0.2',
      '1.1',
      '1.2',
      '2.1',
      '3.1',
      '4.1',
      '4.2',
      '5.1',
      '6.1',
      '7.1',
      '8.1',
      '9.1',
      '9.2',
      '10.1',
    ]);
    for (const [name, sql] of STATEMENTS) {
      expect(sql).not.toMatch(/\bfinal\b/i);
      const rows = await run(name);
      expect({ name, rows }).not.toEqual({ name, rows: [] });
      const again = await readRows(config.clickhouse, sql, { params: VALUES, settings: OTHERS_SET });
      expect({ name, rows: again }).toEqual({ name, rows });
    }
  });

  it('0: up to when answers are final, and what is wrong at all', async () => {
    expect(await run('0.1')).toEqual([{ complete_until: dateTime(NOW), applied_until: dateTime(NOW), silent: [] }]);
    const rows = (await run('0.2')).map(({ model_id: model, closed_at: _closed, ...row }) => ({
      model,
      ...row,
      contained_at: iso(row['contained_at']),
      recovered_at: iso(row['recovered_at']),
    }));
    expect(rows).toEqual(ask({ ask: 'incidents' }));
  });

  it.each(INFERENCES)('1: which release served %s, and which blob produced it', async (inference) => {
    const [row, ...more] = await run('1.1', { inference });
    const shares = (row?.['candidates'] as Row[]).map(({ release, share_bp }) => ({ release, share_bp }));
    expect({ inference, ...row, candidates: shares }).toMatchObject(ask({ ask: 'served', inference }));
    const blob = { blob_id: row?.['blob_id'], status: row?.['blob_status'], releases: row?.['blob_releases'] };
    expect({ inference, ...blob }).toEqual(ask({ ask: 'blob', inference }));
    expect(more).toEqual([]);
  });

  it('1: the records behind it', async () => {
    const rows = (await run('1.2', { inference: 'r3', known_at: dateTime(NOW) })).map((row) => ({
      ...row,
      occurred_at: iso(row['occurred_at']),
      appended_at: iso(row['appended_at']),
    }));
    const { records } = ask({ ask: 'trail', inference: 'r3' });
    expect(rows).toHaveLength((records as Row[]).length);
    expect(rows).toEqual(expect.arrayContaining(records as Row[]));
  });

  it('2: how much each release served', async () => {
    const rows = await run('2.1');
    const counts = Object.fromEntries(
      rows.map(({ status, release, phase, inferences }) => [
        JSON.stringify([status, release, phase]),
        Number(inferences),
      ]),
    );
    const served = INFERENCES.map((inference) => ask({ ask: 'served', inference }));
    expect(counts).toEqual(tally(served.map(({ status, release, phase }) => [status, release, phase])));
  });

  it('3: what is tainted', async () => {
    const rows = await run('3.1');
    const taint = ask({ ask: 'taint', ...OF_V2 });
    for (const name of ['certain', 'possible']) {
      expect(
        column(
          rows.filter((row) => row['class'] === name),
          'inference_id',
        ).sort(),
      ).toEqual(taint[name]);
    }
  });

  it('4: the money for its work, and what settled while it was active', async () => {
    const rows = await run('4.1');
    const payments = ask({ ask: 'payments', ...OF_V2 });
    const amount = payments['amount'] as Row;
    const work = rows.filter((row) => row['certain'] === true);
    expect(total(work, 'total')).toBe(amount['work']);
    expect(
      total(
        rows.filter((row) => row['certain'] === false),
        'total',
      ),
    ).toBe(amount['possible']);
    expect(total(work, 'payments')).toBe(String((payments['settled_for_work'] as unknown[]).length));
    expect(new Set(column(rows, 'asset'))).toEqual(new Set(['OPG', 'USDC']));
    expect(column(await run('4.2'), 'payment_id').sort()).toEqual(payments['settled_while_active']);
  });

  it('4: a sum that would wrap is null, and ask has it', async () => {
    const [row] = await run('4.1', { model: 'n', release: 'w1' });
    expect(row).toMatchObject({ payments: '2', total: null });
    const { amount } = ask({ ask: 'payments', model: 'n', release: 'w1' });
    expect(BigInt(String((amount as Row)['work']))).toBe(2n ** 256n + 1n);
  });

  it('5: what was paid late', async () => {
    const rows = await run('5.1');
    const { late, amount } = ask({ ask: 'payments', ...OF_V2 });
    expect(column(rows, 'payment_id').sort()).toEqual(late);
    expect(
      total(
        rows.filter((row) => row['refunded'] === false),
        'paid',
      ),
    ).toBe((amount as Row)['late']);
  });

  it('6: the nodes that went on serving it', async () => {
    const stale = INFERENCES.filter((inference) => {
      const { release, phase } = ask({ ask: 'served', inference });
      return release === 'v2' && phase === 'stale';
    });
    const nodes = STORY.records.flatMap(({ stream, fields }) =>
      stream === 'inferences' && stale.includes(String(fields['inference_id'])) ? [fields['target_id']] : [],
    );
    const rows = await run('6.1');
    expect(
      Object.fromEntries(rows.map((row) => [JSON.stringify(row['target_id']), Number(row['inferences'])])),
    ).toEqual(tally(nodes));
  });

  it('7: the agents that used it', async () => {
    const rows = await run('7.1');
    const ids = (name: string, value: string): unknown[] =>
      column(
        rows.filter((row) => row[name] === value),
        'agent_id',
      );
    const agents = ask({ ask: 'agents', ...OF_V2 });
    for (const name of ['changed', 'delayed']) expect(ids('class', name)).toEqual(agents[name]);
    expect(ids('outcome', 'persisting')).toEqual(agents['persisting']);
    expect(
      rows
        .filter((row) => row['outcome'] === 'reverted')
        .map((row) => ({ agent: row['agent_id'], at: iso(row['outcome_at']) })),
    ).toEqual(agents['reverted']);
    expect(
      rows
        .filter((row) => row['class'] === 'excluded')
        .map((row) => ({ agent: row['agent_id'], reason: row['reason'] })),
    ).toEqual(agents['excluded']);
    expect(ids('class', 'secondary')).toEqual((agents['secondary'] as Row[]).map(({ agent }) => agent));
    const exposed = rows.filter((row) => row['inferences'] !== '0');
    expect(column(exposed, 'agent_id')).toEqual(['A1', 'A2', 'A4', 'A3']);
    expect(exposed[0]).toMatchObject({ first_at: '2026-03-10 10:05:00.000000', last_at: '2026-03-10 10:05:00.000000' });
  });

  it('8: the proofs of its work', async () => {
    const rows = await run('8.1');
    const counts = Object.fromEntries(
      rows.map(({ path, state, inferences }) => [
        JSON.stringify([path === '' ? null : path, state]),
        Number(inferences),
      ]),
    );
    const mine = INFERENCES.filter((inference) => ask({ ask: 'served', inference })['release'] === 'v2');
    const proofs = mine.map((inference) => ask({ ask: 'proof', inference }));
    expect(counts).toEqual(tally(proofs.map(({ path, state }) => [path, state])));
  });

  it('9: what is tainted now and was not then', async () => {
    const rows = await run('9.1');
    const [now, then] = [ask({ ask: 'taint', ...OF_V2 }), ask({ ask: 'taint', ...OF_V2, known: THEN })];
    for (const name of ['certain', 'possible']) {
      const [is, was] = [now[name] as string[], then[name] as string[]];
      const only = (at: string): unknown[] =>
        column(
          rows.filter((row) => row['class'] === name && row['only'] === at),
          'inference_id',
        );
      expect(only('now')).toEqual(is.filter((id) => !was.includes(id)));
      expect(only('then')).toEqual(was.filter((id) => !is.includes(id)));
    }
  });

  it('9: what was said of the requests that changed', async () => {
    const rows = await run('9.2');
    const served = (known: number): Row[] =>
      INFERENCES.map((inference) => {
        const { status, release, activation, phase, basis } = ask({ ask: 'served', inference, known });
        return { inference, status, release, activation, phase, basis };
      });
    const [now, then] = [served(NOW), served(THEN)];
    const changed = now.filter((said, i) => JSON.stringify(said) !== JSON.stringify(then[i]));
    const last = (of: string, until: number): Row | undefined =>
      rows.findLast((row) => row['inference_id'] === of && Date.parse(iso(row['known_at']) ?? '') <= until);
    expect(new Set(column(rows, 'inference_id'))).toEqual(new Set(column(changed, 'inference')));
    for (const { inference, ...said } of changed) expect(last(String(inference), NOW)).toMatchObject(said);
    for (const { inference, status, ...said } of then) {
      const row = last(String(inference), THEN);
      if (row !== undefined) expect(row).toMatchObject({ status, ...said });
      else if (changed.some((one) => one['inference'] === inference)) expect(status).toBe('unknown');
    }
  });

  it('10: what waits, was refused or contradicts itself', async () => {
    const rows = await run('10.1');
    expect(rows.map(({ what, records }) => [what, records])).toEqual([
      ['copy: DUPLICATE', '1'],
      ['copy: EVENT_ID_CONFLICT', '1'],
      ['copy: SAME_INFERENCE', '1'],
      ['dead letter: INVALID_AMOUNT', '1'],
      ['payment that waits for an inference', '2'],
    ]);
  });
});
