import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { factsOf } from '../../services/archive/archive-reader.js';
import { openStore } from '../../services/archive/open-store.js';
import { placeOf } from '../../services/archive/place.js';
import type { ArchiveStore } from '../../services/archive/store.js';
import type { S3Config } from '../../services/shared/config.js';
import { startS3, type S3Server } from './s3-server.fixture.js';

/** A folder and a bucket keep files alike. */

const folder = mkdtempSync(join(tmpdir(), 'backtrail-stores-'));
let s3: S3Server;

beforeAll(async () => {
  s3 = await startS3();
});

afterAll(async () => {
  await s3.stop();
  rmSync(folder, { recursive: true });
});

function open(place: string, config: Partial<S3Config> = {}): Promise<ArchiveStore> {
  return openStore(placeOf(place), { ...s3.config, ...config });
}

async function names(store: ArchiveStore): Promise<string[]> {
  const found: string[] = [];
  for await (const name of store.names()) found.push(name);
  return found.toSorted();
}

async function put(store: ArchiveStore, name: string, text: string): Promise<void> {
  const path = await store.partFile(name);
  writeFileSync(path, text);
  await store.put(name, path, await factsOf(path));
}

describe.each([
  ['a folder', (name: string) => join(folder, name)],
  ['a bucket', (name: string) => `s3://${s3.bucket}/${name}`],
  ['a bucket without a prefix', () => `s3://${s3.bucket}`],
])('%s', (kind, placeFor) => {
  it('has files whole, under their names', async () => {
    const store = await open(placeFor('files'));
    expect(await store.open('a/b/c.avro')).toBeNull();
    const large = 'x'.repeat(3_000_000);
    await put(store, 'a/b/c.avro', large);
    await put(store, 'a/b/c.avro', large);
    const file = await store.open('a/b/c.avro');
    expect(readFileSync(file?.path ?? '', 'utf8')).toBe(large);
    await file?.release();
    expect(await names(store)).toContain('a/b/c.avro');
    await store.close();
  });

  it('has a text that nobody overwrites who does not know it', async () => {
    const name = `${kind}.json`;
    const [store, other] = [await open(placeFor('texts')), await open(placeFor('texts'))];
    expect(await store.readText(name)).toBeNull();
    const first = await store.writeText(name, 'one', null);
    await expect(other.writeText(name, 'two', null)).rejects.toMatchObject({ code: 'ARCHIVE_IN_USE' });
    const read = await other.readText(name);
    expect(read?.text).toBe('one');
    const second = await other.writeText(name, 'two', read);
    await expect(store.writeText(name, 'three', first)).rejects.toMatchObject({ code: 'ARCHIVE_IN_USE' });
    expect(await store.readText(name)).toEqual(second);
    await Promise.all([store.close(), other.close()]);
  });
});

describe('a bucket', () => {
  it('tells who is away from who says no', async () => {
    const away = await open(`s3://${s3.bucket}/x`, { endpoint: 'http://127.0.0.1:1' });
    await expect(away.readText('x')).rejects.toMatchObject({ code: 'ARCHIVE_UNREACHABLE', outcome: 'retry' });
    await away.close();
    const missing = await open('s3://nobody-made-this/x');
    await expect(missing.readText('x')).rejects.toMatchObject({ code: 'ARCHIVE_REFUSED' });
    await expect(put(missing, 'x', 'y')).rejects.toMatchObject({ code: 'ARCHIVE_REFUSED' });
    await missing.close();
  });

  it('refuses who has another key', async () => {
    const credentials = { accessKeyId: 'tests', secretAccessKey: 'another' };
    const store = await open(`s3://${s3.bucket}/x`, { credentials });
    await expect(store.readText('x')).rejects.toMatchObject({ code: 'ARCHIVE_REFUSED', outcome: 'stop' });
    await store.close();
  });

  it('lists more than one page of names', async () => {
    const store = await open(`s3://${s3.bucket}/pages`);
    const count = 1_010;
    for (let i = 0; i < count; i += 1) await store.writeText(`n${String(i)}`, 'x', null);
    expect(await names(store)).toHaveLength(count);
    await store.close();
  });
});

describe('a folder', () => {
  it('that cannot be made says so', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const store = await open(join(file, 'below'));
    await expect(store.partFile('x')).rejects.toMatchObject({ code: 'ARCHIVE_REFUSED' });
    expect(await store.readText('x')).toBeNull();
  });
});
