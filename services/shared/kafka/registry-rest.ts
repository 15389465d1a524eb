import { BacktrailError } from '../errors.js';
import { parseRegistryUrl } from './registry.js';

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
export function registryRest(url: string): RegistryRest {
  const { base, auth } = parseRegistryUrl(url);
  const headers: Record<string, string> = { accept: CONTENT_TYPE, 'content-type': CONTENT_TYPE };
  if (auth !== null) {
    headers['authorization'] = `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
  }

  async function request(method: string, path: string, body?: object): Promise<unknown> {
    const { status, text } = await exchange(`${base}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (status === NOT_FOUND) return null;
    if (status >= 200 && status < 300) return text === '' ? {} : JSON.parse(text);
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

async function exchange(url: string, init: RequestInit): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    throw new BacktrailError('REGISTRY_UNREACHABLE', `no answer from ${url}`, { cause: error });
  }
}
