import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type ClickHouseProcess, spawnClickHouseServer } from '../../infra/embedded/clickhouse/spawn.js';

const folder = mkdtempSync(join(tmpdir(), 'backtrail-clickhouse-'));
let server: ClickHouseProcess;
let client: ClickHouseClient;

const quiet = { log: { level: 127 as never } };

beforeAll(async () => {
  server = await spawnClickHouseServer({ path: join(folder, 'data'), env: process.env });
  client = createClient({ url: server.url, ...quiet });
});

afterAll(async () => {
  await client.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function post(
  parameters: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${server.url}/?${parameters}`, { method: 'POST', body: new Uint8Array(Buffer.from(body)), headers });
}

async function text(statement: string, parameters = ''): Promise<string> {
  return (await post(parameters, statement)).text();
}

async function rows(query: string, options: Record<string, unknown> = {}): Promise<unknown[]> {
  return (await client.query({ query, format: 'JSONEachRow', ...options })).json();
}

async function createTable(name: string): Promise<string> {
  await client.command({ query: `CREATE TABLE ${name} (id UInt64, s String) ENGINE = MergeTree ORDER BY id` });
  return name;
}

describe('the unmodified @clickhouse/client', () => {
  test('pings, queries, streams', async () => {
    expect(await client.ping()).toEqual({ success: true });
    expect(await rows('SELECT number AS n, version() AS v FROM numbers(2)')).toMatchObject([{ n: 0 }, { n: 1 }]);
    const json = await (await client.query({ query: 'SELECT 1 AS a', format: 'JSON' })).json();
    expect(json).toMatchObject({ data: [{ a: 1 }], rows: 1 });
    const result = await client.query({ query: 'SELECT number FROM numbers(500000)', format: 'JSONEachRow' });
    let count = 0;
    for await (const chunk of result.stream()) count += chunk.length;
    expect(count).toBe(500_000);
  });

  test('inserts arrays and streams, and RowBinary by exec', async () => {
    const table = await createTable('inserts');
    const inserted = await client.insert({ table, values: [{ id: 1, s: 'a\n\nb' }], format: 'JSONEachRow' });
    expect(inserted.summary).toMatchObject({ written_rows: '1' });
    const objects = Readable.from(Array.from({ length: 1000 }, (_, id) => ({ id: id + 2, s: `s${String(id)}` })));
    await client.insert({ table, values: objects, format: 'JSONEachRow' });
    const binary = Buffer.from([7, 0, 0, 0, 0, 0, 0, 1, 3, 10, 10, 255]);
    const { stream } = await client.exec({
      query: `INSERT INTO ${table} FORMAT RowBinary`,
      values: Readable.from([binary], { objectMode: false }),
    });
    await finished(stream.resume());
    expect(await rows(`SELECT count() AS c, countIf(s = 'a\n\nb') AS x FROM ${table}`)).toEqual([{ c: 1002, x: 1 }]);
    expect(await rows(`SELECT hex(s) AS h FROM ${table} WHERE id > 10000`)).toEqual([{ h: '0A0AFF' }]);
  });

  test('inserts in every usual format what another format gave out', async () => {
    const table = await createTable('formats');
    const source = `SELECT number AS id, concat('x', char(10), char(10), toString(number), ';') AS s FROM numbers(100)`;
    const formats = [
      'JSONEachRow',
      'CSV',
      'CSVWithNames',
      'TSV',
      'Values',
      'Native',
      'RowBinary',
      'RowBinaryWithNamesAndTypes',
      'Parquet',
      'Arrow',
      'ArrowStream',
      'JSON',
      'JSONCompactEachRow',
      'MsgPack',
    ];
    for (const format of formats) {
      const bytes = Buffer.from(await (await post(`default_format=${format}`, source)).arrayBuffer());
      await client.command({ query: `TRUNCATE TABLE ${table}` });
      const response = await post(`query=${encodeURIComponent(`INSERT INTO ${table} FORMAT ${format}`)}`, bytes);
      expect([format, await response.text(), response.status]).toEqual([format, '', 200]);
      // The same with the statement in front of the data, in one body.
      const whole = Buffer.concat([Buffer.from(`INSERT INTO ${table} FORMAT ${format}\n`), bytes]);
      expect(await (await post('', whole)).text()).toBe('');
      const found = await rows(`SELECT count() AS c, uniqExact(id, s) AS u, sum(endsWith(s, ';')) AS e FROM ${table}`);
      expect([format, found]).toEqual([format, [{ c: 200, u: 100, e: 200 }]]);
    }
  });

  test('binds parameters, whatever is in them', async () => {
    const strings = ["it's", 'back\\slash', 'line\nfeed', 'tab\t', 'é漢😀', '', "'); DROP TABLE x; --", '{a:String}'];
    const big = (2n ** 256n - 1n).toString();
    const [row] = await rows(
      "SELECT {arr:Array(String)} AS arr, {s:String} AS s, {n:Nullable(String)} AS n, {big:UInt256} AS big, {t:DateTime64(3, 'UTC')} AS t, {i:Identifier} AS i, {b:Bool} AS b FROM numbers(1)",
      {
        query_params: {
          arr: strings,
          s: strings.join(' '),
          n: null,
          big,
          t: new Date('2026-01-02T03:04:05.678Z'),
          i: 'number',
          b: true,
        },
        clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
      },
    );
    expect(row).toEqual({
      arr: strings,
      s: strings.join(' '),
      n: null,
      big,
      t: '2026-01-02 03:04:05.678',
      i: '0',
      b: true,
    });
    for (const s of strings) expect(await rows('SELECT {s:String} AS s', { query_params: { s } })).toEqual([{ s }]);
    await expect(rows('SELECT {missing:String}')).rejects.toMatchObject({ code: '456' });
  });

  test('sends long parameters as a form', async () => {
    const s = 'é\n'.repeat(5000);
    expect(
      await rows('SELECT {s:String} = {s:String} AS same, lengthUTF8({s:String}) AS l', {
        query_params: { s },
        use_multipart_params_auto: true,
      }),
    ).toEqual([{ same: 1, l: 10_000 }]);
  });

  test('sends more parameters than a statement may be long', async () => {
    const list = Array.from({ length: 5000 }, (_, i) => `a name with ' and \\ in it, number ${String(i)}`);
    const query_params = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`p${String(i)}`, list]));
    const names = Object.keys(query_params).map((name) => `{${name}:Array(String)}`);
    expect(
      await rows(
        `SELECT count() AS n, uniqExact(name) AS names FROM (SELECT arrayJoin(arrayConcat(${names.join()})) AS name)`,
        {
          query_params,
          use_multipart_params_auto: true,
        },
      ),
    ).toEqual([{ n: 50_000, names: 5000 }]);
  });

  test('gets errors with code and type, also in the middle of a result', async () => {
    await expect(rows('SELECT * FROM missing')).rejects.toMatchObject({ code: '60', type: 'UNKNOWN_TABLE' });
    await expect(client.insert({ table: 'missing', values: [{ a: 1 }], format: 'JSONEachRow' })).rejects.toMatchObject({
      code: '60',
    });
    await expect(client.command({ query: 'SELECT 1; SELECT 2' })).rejects.toMatchObject({
      code: '62',
      type: 'SYNTAX_ERROR',
    });
    const result = await client.query({
      query: 'SELECT number, throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_block_size = 1000',
      format: 'JSONEachRow',
    });
    const read = async (): Promise<void> => {
      await finished(result.stream().resume());
    };
    await expect(read()).rejects.toMatchObject({ code: '395' });
  });

  test('compresses both ways', async () => {
    const table = await createTable('compressed');
    const zipped = createClient({ url: server.url, compression: { request: true, response: true }, ...quiet });
    const values = Array.from({ length: 20_000 }, (_, id) => ({ id, s: `value ${String(id)}` }));
    await zipped.insert({ table, values, format: 'JSONEachRow' });
    expect(
      await (await zipped.query({ query: `SELECT id, s FROM ${table} ORDER BY id`, format: 'JSONEachRow' })).json(),
    ).toEqual(values);
    await zipped.close();
  });

  test('keeps settings of one request out of all others', async () => {
    const ask = `SELECT getSetting('max_block_size') AS v`;
    const [before] = await rows(ask);
    const settings = { clickhouse_settings: { max_block_size: '77' } };
    const many = await Promise.all(Array.from({ length: 20 }, (_, i) => rows(ask, i % 2 === 0 ? settings : {})));
    expect(many).toEqual(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? [{ v: 77 }] : [before])));
    await expect(rows('SELECT 1', { clickhouse_settings: { no_such_setting: 1 } })).rejects.toMatchObject({
      code: '115',
    });
  });

  test('keeps a session: temporary tables, SET, and nothing of the settings of single requests', async () => {
    const session = createClient({ url: server.url, session_id: 'mine', ...quiet });
    const ask = async (settings = {}): Promise<unknown> =>
      (
        await session.query({
          query: "SELECT getSetting('max_block_size') AS v, getSetting('max_threads') AS t",
          format: 'JSONEachRow',
          clickhouse_settings: settings,
        })
      ).json();
    await session.command({ query: 'CREATE TEMPORARY TABLE tmp (a UInt8)' });
    await session.insert({ table: 'tmp', values: [{ a: 4 }], format: 'JSONEachRow' });
    expect(await (await session.query({ query: 'SELECT a FROM tmp', format: 'JSONEachRow' })).json()).toEqual([
      { a: 4 },
    ]);
    await session.command({ query: 'SET max_threads = 3' });
    expect(await ask({ max_block_size: '55' })).toEqual([{ v: 55, t: 3 }]);
    expect(await ask()).toEqual([{ v: 65409, t: 3 }]);
    await expect(rows('SELECT * FROM tmp')).rejects.toMatchObject({ code: '60' });
    expect(
      (await post('session_id=other&session_check=1', 'SELECT 1')).headers.get('x-clickhouse-exception-code'),
    ).toBe('372');
    await session.close();
  });
});

describe('side by side', () => {
  const slow = 'SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 3';

  test('short queries and inserts do not wait for a long query', async () => {
    const table = await createTable('beside');
    let longDone = false;
    const long = text('SELECT sleepEachRow(0.5) FROM numbers(5) SETTINGS max_block_size = 1').then(
      () => (longDone = true),
    );
    await client.insert({ table, values: [{ id: 1, s: '' }], format: 'JSONEachRow' });
    expect(await rows(`SELECT count() AS c FROM ${table}`)).toEqual([{ c: 1 }]);
    expect(longDone).toBe(false);
    await long;
  });

  test('a query is stopped when its client goes away, or its time is over', async () => {
    const controller = new AbortController();
    const running = async (): Promise<string> =>
      (
        await text(`SELECT count() FROM system.processes WHERE query LIKE '%= 3%' AND query NOT LIKE '%processes%'`)
      ).trim();
    const gone = expect(client.query({ query: slow, abort_signal: controller.signal })).rejects.toThrow();
    await vi.waitFor(async () => {
      expect(await running()).toBe('1');
    }, 5000);
    controller.abort();
    await gone;
    await vi.waitFor(async () => {
      expect(await running()).toBe('0');
    }, 5000);
    const late = await post('max_execution_time=1', slow);
    expect([late.status, late.headers.get('x-clickhouse-exception-code')]).toEqual([408, '159']);
  });

  test('many at once, some of whose clients go away: each of the others gets its own answer, whole', async () => {
    const wrong: string[] = [];
    const expected = async (answer: Promise<string>, right: string | number): Promise<void> => {
      const found = await answer;
      if (typeof right === 'number' ? found.length !== right : found !== right) wrong.push(found.slice(0, 200));
    };
    const requests: ((worker: number) => Promise<unknown>)[] = [
      (worker) => {
        const parameters = `max_block_size=${String(1000 + worker)}&param_x=${String(worker)}`;
        const ask = text("SELECT getSetting('max_block_size'), {x:UInt32}", parameters);
        return expected(ask, `${String(1000 + worker)}\t${String(worker)}\n`);
      },
      () =>
        fetch(server.url, {
          method: 'POST',
          body: 'SELECT number FROM numbers(50000000)',
          signal: AbortSignal.timeout(15),
        })
          .then((answer) => answer.text())
          .catch(() => ''),
      () => expected(text('SELECT sum(number) FROM numbers(1000000)'), '499999500000\n'),
      () => expected(text('SELECT number FROM numbers(300000)'), 1_988_890),
    ];
    const work = async (worker: number): Promise<void> => {
      for (let i = 0; i < 20; i++) await requests[(worker + i) % requests.length]?.(worker);
    };
    await Promise.all(Array.from({ length: 24 }, (_, worker) => work(worker)));
    expect(wrong).toEqual([]);
  });

  test('a client that stops reading in the middle stops the query', async () => {
    const response = await fetch(
      `${server.url}/?query=${encodeURIComponent('SELECT number FROM numbers(100000000000)')}`,
    );
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await vi.waitFor(async () => {
      expect(
        await text(
          `SELECT count() FROM system.processes WHERE query LIKE '%100000000000%' AND query NOT LIKE '%processes%'`,
        ),
      ).toBe('0\n');
    }, 5000);
  });
});

describe('plain HTTP', () => {
  test('answers health checks and unknown paths', async () => {
    for (const path of ['/ping', '/', '/replicas_status']) {
      const response = await fetch(server.url + path);
      expect([response.status, await response.text()]).toEqual([200, 'Ok.\n']);
    }
    expect((await fetch(`${server.url}/nothing`)).status).toBe(404);
  });

  test('takes the statement from URL, body, or both', async () => {
    expect(await (await fetch(`${server.url}/?query=SELECT%201`)).text()).toBe('1\n');
    expect(await text('SELECT 1')).toBe('1\n');
    expect(await text('+ 1', 'query=SELECT%201')).toBe('2\n');
    expect(await (await fetch(`${server.url}/?query=SELECT%201&default_format=JSONCompactEachRow`)).text()).toBe(
      '[1]\n',
    );
  });

  test('lets GET only read', async () => {
    const response = await fetch(`${server.url}/?query=CREATE%20TABLE%20got%20(a%20Int8)%20ENGINE%20=%20Memory`);
    expect(response.headers.get('x-clickhouse-exception-code')).toBe('164');
    expect(
      (await post('readonly=1', 'CREATE TABLE got (a Int8) ENGINE = Memory')).headers.get(
        'x-clickhouse-exception-code',
      ),
    ).toBe('164');
  });

  test('answers with the headers and the status of a server', async () => {
    const good = await post('query_id=my-id', 'SELECT 1 FORMAT CSV');
    expect(Object.fromEntries(good.headers)).toMatchObject({
      'x-clickhouse-query-id': 'my-id',
      'x-clickhouse-format': 'CSV',
      'content-type': 'text/csv; charset=UTF-8; header=absent',
    });
    expect(good.headers.get('x-clickhouse-timezone')).toBeTruthy();
    expect(good.headers.get('x-clickhouse-server-display-name')).toBeTruthy();
    expect(JSON.parse(good.headers.get('x-clickhouse-summary') ?? '')).toMatchObject({ result_rows: '1' });
    const statuses: [string, number, string][] = [
      ['SELEC', 400, '62'],
      ['SELECT * FROM missing', 404, '60'],
      ['SELECT missing()', 404, '46'],
      ['SELECT 1 FORMAT Missing', 404, '73'],
      ['SELECT throwIf(1)', 500, '395'],
    ];
    for (const [statement, status, code] of statuses) {
      const bad = await post('', statement);
      expect([bad.status, bad.headers.get('x-clickhouse-exception-code')]).toEqual([status, code]);
      expect(await bad.text()).toMatch(
        new RegExp(`^Code: ${code}\\. DB::Exception: .*\\([A-Z_]+\\) \\(version .*\\)\n$`, 's'),
      );
    }
  });

  test('waits for the end when told to', async () => {
    const late = 'SELECT throwIf(number = 3000000) FROM numbers(4000000) SETTINGS max_block_size = 1000';
    expect((await post('wait_end_of_query=1', late)).status).toBe(500);
    expect((await (await post('wait_end_of_query=1', 'SELECT number FROM numbers(300000)')).text()).length).toBe(
      1_988_890,
    );
  });

  test('reads bodies in every encoding, with the statement in the URL or in the body', async () => {
    const table = await createTable('encodings');
    const lines = Array.from({ length: 300_000 }, (_, id) => `${String(id)}\tsome text\n`).join('');
    const insert = `query=${encodeURIComponent(`INSERT INTO ${table} FORMAT TSV`)}`;
    expect((await post(insert, gzipSync(lines), { 'content-encoding': 'gzip' })).status).toBe(200);
    expect(
      (await post('', gzipSync(`INSERT INTO ${table} FORMAT TSV\n${lines}`), { 'content-encoding': 'gzip' })).status,
    ).toBe(200);
    expect((await post(insert, gzipSync('1\tx\n'), { 'content-encoding': 'gzip' })).status).toBe(200);
    expect(await text(`SELECT count() FROM ${table}`)).toBe('600001\n');
    expect((await post(insert, 'not gzip', { 'content-encoding': 'gzip' })).status).toBe(500);
    expect((await post(insert, 'x', { 'content-encoding': 'rot13' })).status).toBe(501);
  });

  test('reads data through input(), and takes a statement that is not UTF-8', async () => {
    const table = await createTable('input');
    expect(
      await text(
        `INSERT INTO ${table} SELECT id + 1, upper(s) FROM input('id UInt64, s String') FORMAT CSV\n1,"a\n\nb"\n`,
      ),
    ).toBe('');
    expect(await text(`SELECT id, s FROM ${table}`)).toBe('2\tA\\n\\nB\n');
    const response = await post('', Buffer.from("SELECT hex('\xff\xfe')", 'latin1'));
    expect(await response.text()).toBe('FFFE\n');
  });

  test('survives words that mean something to an interactive client, and weird statements', async () => {
    for (const statement of [
      'exit',
      'quit',
      '\\q',
      '??',
      'help',
      ';',
      "'",
      '/*',
      'SELECT (((',
      `SELECT ${'('.repeat(5000)}`,
      '\0',
      'INSERT INTO',
      'INSERT INTO t',
      'INSERT INTO t FORMAT',
    ]) {
      const response = await post('', statement);
      // The engine has a code of its own for what is nested too deeply.
      const status = statement.includes('((((') ? 500 : 400;
      expect([statement.slice(0, 20), response.status]).toEqual([statement.slice(0, 20), status]);
    }
    expect(await text("SELECT 'a' -- { serverError 42 }")).toBe('a\n');
    expect(await text('SELECT 1')).toBe('1\n');
  });
});
