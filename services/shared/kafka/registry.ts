import { Agent } from 'node:https';

import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import avro from 'avsc';

import { sleep } from '../clock.js';
import type { RegistryConfig } from '../config.js';
import { splitAddress } from '../servers.js';
import { writerOptions } from './avro-type.js';

type Middleware = NonNullable<ConstructorParameters<typeof SchemaRegistry>[0]['middlewares']>[number];

/** What the registry says of a schema id. Only `avro` and `unusable` are final; the others may change at any time. */
export type WriterSchema =
  | { readonly kind: 'avro'; readonly type: avro.Type }
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'unreachable'; readonly reason: string };

export interface SchemaSource {
  /** Never throws for what a registry may answer. */
  writerSchema(id: number): Promise<WriterSchema>;
}

/** Its address, with its path as in `http://host:port/apis/ccompat/v7`; or that and what it takes to be let in. */
export type Registry = string | RegistryConfig;

const REQUEST_TIMEOUT_MS = 5_000;
const NOT_FOUND = 404;
/** Beyond the library's own limit, which says more. */
const ANSWER_ENDS_MS = 500;
// The library keeps one retry setting for all its clients; callers retry, because they know for how long to.
const NO_RETRIES = { retries: 0 };

/** The address without a slash at its end; the user and password that it may carry are taken out of it. */
export function registryAddress(registry: Registry): RegistryConfig {
  if (typeof registry !== 'string') return { ...registry, url: withoutSlash(registry.url) };
  const { url, user, password = '' } = splitAddress(registry);
  return { url: withoutSlash(url), auth: user === undefined ? null : { username: user, password }, ca: null };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

/** The registry client, with our Avro options and a limit on the time of a request. */
export function registryClient(registry: Registry, timeoutMs = REQUEST_TIMEOUT_MS): SchemaRegistry {
  const { url, auth, ca } = registryAddress(registry);
  return new SchemaRegistry(
    {
      host: url,
      clientId: 'backtrail',
      retry: NO_RETRIES,
      ...(auth === null ? {} : { auth }),
      ...(url.startsWith('https:') ? { agent: trusting(ca) } : {}),
      middlewares: [limitTime(timeoutMs), expectRegistry],
    },
    { [SchemaType.AVRO]: writerOptions() },
  );
}

/** Said outright, so that no variable of Node's makes it take any certificate. */
export function trusting(ca: string | null): Agent {
  return new Agent({ rejectUnauthorized: true, ...(ca === null ? {} : { ca }) });
}

function limitTime(timeoutMs: number): Middleware {
  return () => ({
    prepareRequest: async (next) => (await next()).enhance({ timeout: timeoutMs }),
    response: async (next) => {
      // An answer that is cut off in its middle has no end for the library: it would be waited for for ever.
      const answered = new AbortController();
      const late = sleep(timeoutMs + ANSWER_ENDS_MS, answered.signal).then(() => Promise.reject(noRegistry('in time')));
      return Promise.race([next(), late]).finally(() => {
        answered.abort();
      });
    },
  });
}

/** That nobody can say now; any status but 404 means it. */
const BAD_GATEWAY = 502;

/**
 * A page of some proxy in between is no answer of a registry, whatever its status: without this it would count as a broken
 * schema, or as a registry that has never heard of the id, and records that are well would be given up.
 */
const expectRegistry: Middleware = ({ resourceName, resourceMethod }) => {
  const isSchema = resourceName === 'Schema' && resourceMethod === 'find';
  return {
    response: async (next) => {
      const response = await next().catch((error: unknown) => {
        throw responseStatus(error) === NOT_FOUND && !isFromRegistry(error) ? noRegistry('404') : error;
      });
      const data: unknown = response.data();
      if (isObject(data) && (!isSchema || typeof data['schema'] === 'string')) return response;
      throw noRegistry(response.request().url());
    },
  };
};

/** Of a refusal the library keeps the `message` that registries give, or says that there was none. */
function isFromRegistry(error: unknown): boolean {
  return !(error instanceof Error) || !error.message.includes(`Error, status ${NOT_FOUND}`);
}

function isObject(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null;
}

function noRegistry(what: string): Error {
  return Object.assign(new Error(`no registry answers: ${what}`), { status: BAD_GATEWAY });
}

/** Writer schemas of this registry. */
export function schemaSource(registry: Registry, timeoutMs = REQUEST_TIMEOUT_MS): SchemaSource {
  const client = registryClient(registry, timeoutMs);
  return {
    async writerSchema(id) {
      try {
        const schema: unknown = await client.getSchema(id);
        if (avro.Type.isType(schema)) return { kind: 'avro', type: schema as avro.Type };
        return { kind: 'unusable', reason: `schema ${id} is not Avro` };
      } catch (error) {
        return explain(id, error);
      }
    },
  };
}

/** The HTTP status of a registry's refusal, or null for an error that no registry answered. */
export function responseStatus(error: unknown): number | null {
  if (!(error instanceof Error) || !('status' in error)) return null;
  return typeof error.status === 'number' ? error.status : null;
}

function explain(id: number, error: unknown): WriterSchema {
  const message = error instanceof Error ? error.message : String(error);
  const status = responseStatus(error);
  if (status === NOT_FOUND) return { kind: 'unknown', reason: `schema ${id} is not known to the registry: ${message}` };
  // The library gives every failed request a status, 400 for those that never got an answer. Without one, the
  // schema did arrive and cannot be used, today or ever.
  if (status !== null) return { kind: 'unreachable', reason: `schema ${id} could not be fetched: ${message}` };
  return { kind: 'unusable', reason: `schema ${id} cannot be used: ${message}` };
}
