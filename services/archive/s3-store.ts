import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type GetObjectCommandOutput,
} from '@aws-sdk/client-s3';

import type { S3Config } from '../shared/config.js';
import { BacktrailError, type ErrorCode } from '../shared/errors.js';
import { translated } from './folder-store.js';
import type { ArchiveStore, LocalFile, Stored } from './store.js';

const CONNECTION_TIMEOUT_MS = 5_000;
/** Without a byte. */
const IDLE_TIMEOUT_MS = 60_000;
/** The longest that one object may take. */
const OBJECT_MAX_MS = 15 * 60_000;
/** Of what the library may repeat by itself; whoever calls repeats the rest. */
const ATTEMPTS_MAX = 3;

/** An archive in a bucket. Files are made and read in a folder of the system's for what is temporary. */
export function s3Store(
  { bucket, prefix, name: place }: { readonly bucket: string; readonly prefix: string; readonly name: string },
  config: S3Config,
): ArchiveStore {
  const client = new S3Client({
    region: config.region,
    forcePathStyle: config.forcePathStyle,
    maxAttempts: ATTEMPTS_MAX,
    // What is sent is checked by its MD5, which every server knows, and a file by its SHA-256 when it is read.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // What goes wrong is thrown; nothing but that is said.
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
    ...(config.endpoint === null ? {} : { endpoint: config.endpoint }),
    ...(config.credentials === null ? {} : { credentials: { ...config.credentials } }),
  });
  const keyOf = (name: string): string => (prefix === '' ? name : `${prefix}/${name}`);
  const limit = (): { abortSignal: AbortSignal } => ({ abortSignal: AbortSignal.timeout(OBJECT_MAX_MS) });
  const ask = <T>(action: () => Promise<T>): Promise<T> => attempt(place, action);
  let folder: Promise<string> | null = null;
  const temporary = async (name: string): Promise<string> => {
    folder ??= mkdtemp(join(tmpdir(), 'backtrail-archive-'));
    return join(await folder, name.replaceAll('/', '_'));
  };

  async function get(name: string): Promise<GetObjectCommandOutput | null> {
    try {
      return await client.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(name) }), limit());
    } catch (error) {
      if (error instanceof Error && error.name === 'NoSuchKey') return null;
      throw error;
    }
  }

  async function read(name: string): Promise<Stored | null> {
    const found = await get(name);
    if (found?.Body === undefined) return null;
    return { text: await found.Body.transformToString('utf8'), tag: found.ETag ?? '' };
  }

  return {
    place,
    readText: (name) => ask(() => read(name)),
    writeText: (name, text, before) =>
      ask(async (): Promise<Stored> => {
        const object = { Bucket: bucket, Key: keyOf(name), Body: text, ContentType: 'application/json' };
        const condition = before === null ? { IfNoneMatch: '*' } : { IfMatch: before.tag };
        try {
          const { ETag = '' } = await client.send(new PutObjectCommand({ ...object, ...condition }), limit());
          return { text, tag: ETag };
        } catch (error) {
          const status = statusOf(error) ?? 0;
          if (status === NOT_IMPLEMENTED) {
            const { ETag = '' } = await client.send(new PutObjectCommand(object), limit());
            return { text, tag: ETag };
          }
          // It may be this very text that was written before, and nobody heard of it.
          const stored = CHANGED.includes(status) ? await read(name) : null;
          if (stored?.text === text) return stored;
          throw error;
        }
      }),
    partFile: (name) => ask(() => temporary(name)),
    put: (name, path, { bytes }) =>
      ask(async () => {
        const md5 = createHash('md5');
        await pipeline(createReadStream(path), md5);
        const object = { Bucket: bucket, Key: keyOf(name), ContentLength: bytes, ContentMD5: md5.digest('base64') };
        await client.send(new PutObjectCommand({ ...object, Body: createReadStream(path) }), limit());
        await rm(path, { force: true });
      }),
    open: (name) =>
      ask(async (): Promise<LocalFile | null> => {
        const found = await get(name);
        if (found?.Body === undefined) return null;
        // The same file may be read by several at once.
        const path = await temporary(randomUUID());
        await pipeline(found.Body as Readable, createWriteStream(path));
        return { path, release: () => rm(path, { force: true }) };
      }),
    async *names() {
      for (let token: string | undefined, more = true; more; more = token !== undefined) {
        const page = await ask(() =>
          client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              ...(prefix === '' ? {} : { Prefix: `${prefix}/` }),
              ...(token === undefined ? {} : { ContinuationToken: token }),
            }),
            limit(),
          ),
        );
        for (const { Key: key = '' } of page.Contents ?? []) yield key.slice(keyOf('').length);
        token = page.NextContinuationToken;
      }
    },
    async close() {
      client.destroy();
      if (folder !== null) await rm(await folder, { recursive: true, force: true });
    },
  };
}

const NOT_IMPLEMENTED = 501;
/** Answers to a condition that does not hold: the object is another one by now. */
const CHANGED = [409, 412];
const PASSING = [408, 429];

async function attempt<T>(place: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof BacktrailError ? error : translatedS3(place, error);
  }
}

/** What the library throws, by the status of the answer. Without an answer the server is away. */
function translatedS3(place: string, error: unknown): BacktrailError {
  const status = statusOf(error);
  const name = error instanceof Error ? error.name : '';
  // The disk of this machine, on the way to or from the server.
  if (error instanceof Error && 'syscall' in error && 'path' in error) return translated(place, error);
  const message = error instanceof Error ? error.message : String(error);
  return new BacktrailError(codeOf(status, name), `${place}: ${name === message ? name : `${name} ${message}`}`, {
    cause: error,
  });
}

function codeOf(status: number | null, name: string): ErrorCode {
  if (name === 'CredentialsProviderError') return 'ARCHIVE_REFUSED';
  if (status === null || status >= 500 || PASSING.includes(status)) return 'ARCHIVE_UNREACHABLE';
  return CHANGED.includes(status) ? 'ARCHIVE_IN_USE' : 'ARCHIVE_REFUSED';
}

function statusOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('$metadata' in error)) return null;
  const { httpStatusCode } = error.$metadata as { readonly httpStatusCode?: number };
  return httpStatusCode ?? null;
}
