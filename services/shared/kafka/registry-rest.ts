import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import { text as textOf } from 'node:stream/consumers';

import { BacktrailError } from '../errors.js';
import { registryAddress, trusting, type Registry } from './registry.js';

/** The questions to a registry that its client does not ask. */
export interface RegistryRest {
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
    if (status === NOT_FOUND) return null;
    if (status >= 200 && status < 300) return text === '' ? {} : parsed(text, path);
    const code = status >= 500 ? 'REGISTRY_UNREACHABLE' : 'REGISTRY_REFUSED';
    throw new BacktrailError(code, `the schema registry answered ${method} ${path} with ${status}: ${text}`);
  }

  return {
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
