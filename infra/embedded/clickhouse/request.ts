import type { IncomingHttpHeaders } from 'node:http';
import { exception } from './errors.js';
import { isPlainName } from './literals.js';

/** What a request asks for, apart from its body. Texts are byte strings: see lexer.ts. */
export interface QueryRequest {
  /** The part of the statement in the URL; '' when it is all in the body. */
  statement: string;
  database: string | null;
  defaultFormat: string | null;
  queryId: string | null;
  settings: Map<string, string>;
  /** Values of `{name:Type}`, as they came. */
  parameters: Map<string, string>;
  session: { id: string; timeoutSeconds: number; mustExist: boolean } | null;
  waitEndOfQuery: boolean;
  /** ClickHouse's own block compression of the answer. */
  nativeCompression: boolean;
  acceptEncoding: string;
  contentEncoding: string;
  multipartBoundary: string | null;
  method: string;
}

// Neither settings nor parameters; those without a meaning here (user, quota_key, ...) are accepted and ignored.
const IGNORED = new Set([
  'user',
  'password',
  'quota_key',
  'stacktrace',
  'buffer_size',
  'close_session',
  'client_protocol_version',
]);
const SESSION_SECONDS_DEFAULT = 60;
const SESSION_SECONDS_MAX = 3600;

export function parseRequest(method: string, url: string, headers: IncomingHttpHeaders): QueryRequest {
  const request: QueryRequest = {
    statement: '',
    database: header(headers, 'x-clickhouse-database'),
    defaultFormat: header(headers, 'x-clickhouse-format'),
    queryId: null,
    settings: new Map(),
    parameters: new Map(),
    session: null,
    waitEndOfQuery: false,
    nativeCompression: false,
    acceptEncoding: header(headers, 'accept-encoding') ?? '',
    contentEncoding: (header(headers, 'content-encoding') ?? '').trim().toLowerCase(),
    multipartBoundary:
      /^multipart\/form-data;.*boundary="?([^";]+)"?/i.exec(headers['content-type'] ?? '')?.[1] ?? null,
    method,
  };
  const session = new Map<string, string>();
  const mark = url.indexOf('?');
  for (const [name, value] of mark === -1 ? [] : parseQueryString(url.slice(mark + 1))) {
    if (name.startsWith('session_') && name !== 'session_timezone') session.set(name, value);
    else applyField(request, name, value);
  }
  request.session = sessionOf(session);
  return request;
}

/** One field of the URL, or of a form. */
export function applyField(request: QueryRequest, name: string, value: string): void {
  if (name === '' || IGNORED.has(name)) return;
  if (name.startsWith('param_')) {
    const parameter = name.slice('param_'.length);
    if (!isPlainName(parameter))
      throw exception(36, 'BAD_ARGUMENTS', `Query parameter name '${parameter}' is not a word`);
    request.parameters.set(parameter, value);
    return;
  }
  switch (name) {
    case 'query':
      request.statement += value;
      return;
    case 'database':
      if (value !== '') request.database ??= value;
      return;
    case 'default_format':
      if (value !== '') request.defaultFormat ??= value;
      return;
    case 'query_id':
      if (value !== '') request.queryId = value;
      return;
    case 'wait_end_of_query':
      request.waitEndOfQuery = isTrue(value);
      return;
    case 'compress':
      request.nativeCompression = isTrue(value);
      return;
    case 'decompress':
      if (isTrue(value))
        throw exception(48, 'NOT_IMPLEMENTED', 'decompress=1 is not served here: use Content-Encoding');
      return;
    case 'role':
      throw exception(511, 'UNKNOWN_ROLE', `There is no role \`${value}\`: the embedded ClickHouse has no roles`);
  }
  if (!isPlainName(name)) throw exception(115, 'UNKNOWN_SETTING', `Unknown setting '${name}'`);
  request.settings.set(name, value);
}

export function isTrue(value: string): boolean {
  return value === '1' || value.toLowerCase() === 'true';
}

function sessionOf(fields: ReadonlyMap<string, string>): QueryRequest['session'] {
  const id = fields.get('session_id') ?? '';
  if (id === '') return null;
  const timeout = fields.get('session_timeout');
  const timeoutSeconds = timeout === undefined ? SESSION_SECONDS_DEFAULT : Number(timeout);
  if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 0 || timeoutSeconds > SESSION_SECONDS_MAX) {
    throw exception(374, 'INVALID_SESSION_TIMEOUT', `Invalid session timeout: '${timeout ?? ''}'`);
  }
  return { id, timeoutSeconds, mustExist: isTrue(fields.get('session_check') ?? '') };
}

function header(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

function parseQueryString(text: string): [string, string][] {
  return text
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=');
      if (equals === -1) return [decodeBytes(part), ''];
      return [decodeBytes(part.slice(0, equals)), decodeBytes(part.slice(equals + 1))];
    });
}

/** Percent-encoding to a byte string; what is not valid stays as it is. */
function decodeBytes(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
