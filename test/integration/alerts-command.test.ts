import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CliContext } from '../../services/cli/context.js';
import { exitCodeOf } from '../../services/cli/exit.js';
import { runProgram } from '../../services/cli/program.js';
import { connectClickHouse, type ClickHouse } from '../../services/shared/clickhouse/client.js';
import { dropDatabase, migrate } from '../../services/shared/clickhouse/migrate.js';
import { loadConfig, type Config } from '../../services/shared/config.js';
import { serverEnv } from './servers.fixture.js';
import { waitUntil } from './services.fixture.js';

/** `backtrail alerts` on real tables; rows are written as the alert service writes them. */

const T0_MS = Date.parse('2026-03-10T10:00:00.000Z');
const [ONE, TWO] = ['abcd1'.padEnd(64, '0'), 'abcd2'.padEnd(64, '0')];
const env = { ...serverEnv(), CLICKHOUSE_DATABASE: `alerts_command_test_${process.pid}`, USER: 'eve' };

let config: Config;
let database: ClickHouse;
let version = 0;

beforeAll(async () => {
  config = loadConfig(env);
  await migrate(config.clickhouse);
  database = connectClickHouse(config.clickhouse);
  await write(ONE, 'p1', ['firing']);
  await write(TWO, 'p2', ['firing', 'resolved']);
});

afterAll(async () => {
  await database.close();
  await dropDatabase(config.clickhouse);
});

async function write(id: string, subject: string, states: readonly string[]): Promise<void> {
  version += 1;
  const of = { model_id: 'm', kind: 'SETTLED_ON_FLAGGED', release: 'v2', subject, alert_id: id, raised_at: T0_MS };
  const said = states.map((state, i) => ({ state, changed_at: T0_MS + i * 60_000 }));
  const rest = { retroactive: true, late: false, severity: null, states: said, void: false, version };
  await database.insert('alert_rows', [{ ...of, ...rest }]);
}

async function run(args: readonly string[], signal = new AbortController().signal, out = { text: '' }) {
  let err = '';
  const context: CliContext = {
    env,
    stdout: { write: (text) => (out.text += text) },
    stderr: { write: (text) => (err += text) },
    signal,
    endWith: () => undefined,
  };
  try {
    await runProgram(['alerts', ...args], context);
    return { code: 0, out: out.text, err };
  } catch (error) {
    return { code: exitCodeOf(error), out: out.text, err: (error as Error).message };
  }
}

async function json(...args: readonly string[]): Promise<Record<string, unknown>[]> {
  const { out } = await run([...args, '--json']);
  return JSON.parse(out) as Record<string, unknown>[];
}

describe('backtrail alerts', () => {
  it('lists them as they are, or were', async () => {
    const states = (rows: Record<string, unknown>[]) => rows.map(({ subject, state }) => [subject, state]);
    expect(states(await json())).toEqual([
      ['p1', 'firing'],
      ['p2', 'resolved'],
    ]);
    expect(states(await json('--known', '2026-03-10T10:00:30Z', '--state', 'firing'))).toEqual([
      ['p1', 'firing'],
      ['p2', 'firing'],
    ]);
    expect(await json('--model', 'other')).toEqual([]);
    expect((await run([])).out).toContain(ONE.slice(0, 12));
  });

  it('keeps who took one on and who gave it back, and deletes nothing', async () => {
    expect((await run(['ack', 'abcd', 'ffff', '--why', 'x'])).err).toMatch(
      /several alerts begin with 'abcd'.*no alert/,
    );
    expect((await run(['unack', ONE, '--why', 'x'])).code).toBe(2);
    expect((await run(['ack', 'abcd1', '--why', 'mine'])).code).toBe(0);
    expect((await json())[0]).toMatchObject({ acked: { by: 'eve', why: 'mine' } });
    expect((await run(['unack', 'abcd1', '--why', 'not any more', '--by', 'bob'])).code).toBe(0);
    expect((await json())[0]).toMatchObject({ acked: null });
    const shown = JSON.parse((await run(['show', 'abcd1', '--json'])).out) as object;
    expect(shown).toMatchObject({
      states: [{ state: 'firing' }],
      handlings: [
        { action: 'ack', by: 'eve' },
        { action: 'unack', by: 'bob' },
      ],
    });
  });

  it('silences, lists silences, and ends one early; both stay', async () => {
    const { out } = await run([
      'silence',
      '--model',
      'm',
      '--release',
      'v2',
      '--for',
      '2h',
      '--why',
      'known',
      '--json',
    ]);
    const { silence_id: id } = JSON.parse(out) as { silence_id: string };
    expect(await json('silences')).toMatchObject([
      { silence_id: id, model: 'm', release: 'v2', kind: null, by: 'eve' },
    ]);
    expect((await run(['unsilence', id.slice(0, 6), '--why', 'done'])).code).toBe(0);
    expect(await json('silences')).toEqual([]);
    expect(await json('silences', '--all')).toMatchObject([{ silence_id: id, ended_by: 'eve', ended_why: 'done' }]);
    expect((await run(['unsilence', id, '--why', 'again'])).err).toMatch(/has ended already/);
  });

  it('follows what comes, each state once, until it is interrupted', async () => {
    const ending = new AbortController();
    const out = { text: '' };
    const said = { alert_id: TWO, partition: 0, appended_at: T0_MS };
    await database.insert('alert_message_rows', [
      { ...said, offset: '0', state: 'firing', changed_at: T0_MS },
      { ...said, offset: '1', state: 'resolved', changed_at: T0_MS + 60_000 },
    ]);
    const following = run(['--follow', '--json'], ending.signal, out);
    const lines = () => out.text.split('\n').filter((line) => line !== '');
    let third = '';
    await waitUntil('a new alert is printed', async () => {
      third = `${version.toString(16)}ee`.padEnd(64, '0');
      if (lines().length === 0) await write(third, `p${version}`, ['firing']);
      return lines().length > 0;
    });
    await write(TWO, 'p2', ['firing', 'resolved', 'firing']);
    await waitUntil('the old one fires again', () => Promise.resolve(out.text.includes(TWO)));
    ending.abort();
    await following;
    const ofTwo = lines().filter((line) => line.includes(TWO));
    expect(ofTwo.map((line) => (JSON.parse(line) as { state: string }).state)).toEqual(['firing']);
    expect(new Set(lines()).size).toBe(lines().length);
  });
});
