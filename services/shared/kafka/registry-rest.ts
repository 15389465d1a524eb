import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import { text as textOf } from 'node:stream/consumers';

import { BacktrailError } from '../errors.js';
import { registryAddress, trusting, type Registry } from './registry.js';

/** A schema as a registry has it, with all that it refers to, each behind what it refers to itself. */
export interface SchemaText {
  readonly type: string;
  readonly schema: string;
  readonly references: readonly string[];
}

/** The questions to a registry that its client does not ask. */
export interface RegistryRest {
  /** What it has under an id; null when it does not know the id. */
  schemaText(id: number): Promise<SchemaText | null>;
  /** The mode set for this subject itself, null if it has none. */
  compatibility(subject: string): Promise<string | null>;
  setCompatibility(subject: string, mode: string): Promise<void>;
  /** For good, with all versions; nothing happens where there is no such subject. */
  deleteSubject(subject: string): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 5_000;
const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
const NOT_FOUND = 404;

/** Throws REGISTRY_UNREACHABLE when there is no answer or one of a broken server, else REGISTRY_REFUSED. */
export function registryRest(registry: Registry): RegistryRest {
  const { url, auth, ca } = registryAddress(registry);
  const agent = url.startsWith('https:') ? trusting(ca) : undefined;
  const headers: Record<string, string> = { accept: CONTENT_TYPE, 'content-type': CONTENT_TYPE };
  if (auth !== null) {
    headers['authorization'] = `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
  }

  async function request(method: string, path: string, body?: object): Promise<unknown> {
    const options = { method, headers, agent };
    const { status, text } = await exchange(`${url}${path}`, options, body === undefined ? '' : JSON.stringify(body));
    if (status === NOT_FOUND) {
      if (text !== '') parsed(text, path);
      return null;
    }
    if (status >= 200 && status < 300) return text === '' ? {} : parsed(text, path);
    const code = status >= 500 ? 'REGISTRY_UNREACHABLE' : 'REGISTRY_REFUSED';
    throw new BacktrailError(code, `the schema registry answered ${method} ${path} with ${status}: ${text}`);
  }

  async function referredTo(answer: SchemaAnswer, seen: Set<string>): Promise<string[]> {
    const texts: string[] = [];
    for (const { subject, version } of answer.references ?? []) {
      const path = `/subjects/${encodeURIComponent(subject)}/versions/${String(version)}`;
      if (seen.has(path)) continue;
      seen.add(path);
      const referred = schemaAnswer(await request('GET', path), path);
      texts.push(...(await referredTo(referred, seen)), referred.schema);
    }
    return texts;
  }

  return {
    async schemaText(id) {
      const path = `/schemas/ids/${String(id)}`;
      const found = await request('GET', path);
      if (found === null) return null;
      const answer = schemaAnswer(found, path);
      return {
        type: answer.schemaType ?? 'AVRO',
        schema: answer.schema,
        references: await referredTo(answer, new Set()),
      };
    },
    async compatibility(subject) {
      const answer = await request('GET', `/config/${encodeURIComponent(subject)}`);
      if (typeof answer !== 'object' || answer === null || !('compatibilityLevel' in answer)) return null;
      return String(answer.compatibilityLevel).toUpperCase();
    },
    async setCompatibility(subject, mode) {
      await request('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility: mode });
    },
    async deleteSubject(subject) {
      // Registries only delete for good what was deleted before.
      await request('DELETE', `/subjects/${encodeURIComponent(subject)}`);
      await request('DELETE', `/subjects/${encodeURIComponent(subject)}?permanent=true`);
    },
  };
}

interface SchemaAnswer {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly { readonly subject: string; readonly version: number }[];
}

function schemaAnswer(answer: unknown, path: string): SchemaAnswer {
  if (isObject(answer) && typeof answer['schema'] === 'string') return answer as unknown as SchemaAnswer;
  throw new BacktrailError('REGISTRY_UNREACHABLE', `no schema registry answers at ${path}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Not by `fetch`, which cannot be told whom to trust. */
async function exchange(
  url: string,
  options: RequestOptions,
  body: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const limited = { ...options, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) };
      request(url, limited, resolve).on('error', reject).end(body);
    });
    return { status: response.statusCode ?? 0, text: await textOf(response) };
  } catch (error) {
    throw new BacktrailError('REGISTRY_UNREACHABLE', `no answer from ${url}`, { cause: error });
  }
}

/** A page of some proxy in between is no answer of a registry, whatever its status. */
function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BacktrailError('REGISTRY_UNREACHABLE', `no schema registry answers at ${path}`, { cause });
  }
}
