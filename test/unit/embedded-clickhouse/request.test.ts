import { describe, expect, test } from 'vitest';
import { quoteString, setStatement } from '../../../infra/embedded/clickhouse/literals.js';
import { readMultipart } from '../../../infra/embedded/clickhouse/multipart.js';
import { chooseEncoding } from '../../../infra/embedded/clickhouse/reply.js';
import { parseRequest } from '../../../infra/embedded/clickhouse/request.js';

const query = (url: string, headers = {}): ReturnType<typeof parseRequest> => parseRequest('POST', url, headers);

describe('the URL', () => {
  test('holds the statement, settings, parameters and the rest apart', () => {
    const request = query(
      '/?query=SELECT+%7Ba%3AString%7D&param_a=%5Cn%26&max_threads=2&database=d&default_format=CSV&query_id=q&user=u&session_id=s&session_timeout=5',
    );
    expect(request).toMatchObject({
      statement: 'SELECT {a:String}',
      database: 'd',
      defaultFormat: 'CSV',
      queryId: 'q',
    });
    expect([...request.parameters]).toEqual([['a', '\\n&']]);
    expect([...request.settings]).toEqual([['max_threads', '2']]);
    expect(request.session).toEqual({ id: 's', timeoutSeconds: 5, mustExist: false });
  });

  test('is bytes: what is not UTF-8 survives', () => {
    expect(query('/?query=%FF%00é').statement).toBe('\xff\x00é');
  });

  test('is weaker than the headers', () => {
    const request = query('/?database=a&default_format=CSV', {
      'x-clickhouse-database': 'b',
      'x-clickhouse-format': 'TSV',
    });
    expect(request).toMatchObject({ database: 'b', defaultFormat: 'TSV' });
  });

  test.each([
    ['/?a%20b=1', 115],
    ['/?param_a;b=1', 36],
    ['/?role=r', 511],
    ['/?decompress=1', 48],
    ['/?session_id=a&session_timeout=99999', 374],
  ])('%s is refused', (url, code) => {
    expect(() => query(url)).toThrow(expect.objectContaining({ code }));
  });
});

test('values are quoted so that none can end its string', () => {
  expect(quoteString("a'b\\")).toBe("'a\\'b\\\\'");
  expect(setStatement([['a', "1'; DROP TABLE t; --"]])).toBe("SET a = '1\\'; DROP TABLE t; --';");
  expect(setStatement([])).toBe('');
});

test('a form gives its fields, with line feeds and boundaries of others in them', () => {
  const body =
    '--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT\r\n--y\r\n--x\r\nContent-Disposition: form-data; name="t"; filename="f"\r\n\r\n1\r\n--x--\r\n';
  expect(readMultipart(body, 'x')).toEqual([
    { name: 'query', value: 'SELECT\r\n--y', isFile: false },
    { name: 't', value: '1', isFile: true },
  ]);
});

test('answers are compressed only when the setting asks and the client takes it', () => {
  expect(chooseEncoding('gzip, deflate', false)).toBeNull();
  expect(chooseEncoding('br, gzip;q=1.0', true)).toBe('gzip');
  expect(chooseEncoding('zstd', true)).toBeNull();
});
