import type { ClickHouseConfig } from '../../services/shared/config.js';

/** ClickHouse as analysts meet it: plain HTTP, none of our client's settings. */

export interface Reading {
  readonly format?: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** Values of `{name:Type}`. */
  readonly params?: Readonly<Record<string, string>>;
  /** Rows to insert, in which case the statement goes into the URL. */
  readonly body?: Uint8Array;
}

export async function readBytes(config: ClickHouseConfig, sql: string, reading: Reading = {}): Promise<Buffer> {
  const { format = 'JSONEachRow', settings = {}, params = {}, body } = reading;
  const query = new URLSearchParams({
    database: config.database,
    default_format: format,
    ...settings,
    ...Object.fromEntries(Object.entries(params).map(([name, value]) => [`param_${name}`, value])),
    ...(body === undefined ? {} : { query: sql }),
  });
  const response = await fetch(`${config.url}/?${query.toString()}`, {
    method: 'POST',
    headers: { 'X-ClickHouse-User': config.user, 'X-ClickHouse-Key': config.password },
    body: body ?? sql,
  });
  const answer = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${sql}\n${answer.toString()}`);
  return answer;
}

/** With 64-bit and larger integers as text. */
export async function readRows<T = Readonly<Record<string, unknown>>>(
  config: ClickHouseConfig,
  sql: string,
  reading: Omit<Reading, 'format'> = {},
): Promise<T[]> {
  const settings = { ...reading.settings, output_format_json_quote_64bit_integers: '1' };
  const text = (await readBytes(config, sql, { ...reading, settings })).toString();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
