import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { folderStore } from '../../../services/archive/folder-store.js';
import { MANIFEST, type Segment } from '../../../services/archive/manifest.js';
import type { Patiently } from '../../../services/archive/patient-store.js';
import type { ArchiveStore } from '../../../services/archive/store.js';
import { BacktrailError } from '../../../services/shared/errors.js';
import { retrying } from '../../../services/shared/runtime/retry.js';
import { TestArchive } from './archive.fixture.js';
import { record, valueOf } from './memory-topic.fixture.js';

let archive: TestArchive;

beforeEach(() => {
  archive = new TestArchive();
});

afterEach(() => {
  archive.remove();
});

function spans(segments: readonly Segment[]): string[] {
  return segments.map(({ partition, from, to }) => `${String(partition)}: ${from}-${to}`);
}

describe('an archive', () => {
  it('has every record as it was, cut into ranges of bounded size', async () => {
    const { topics } = archive;
    topics.append('t', 0, [0, 1, 2, 3, 4, 5]);
    topics.append('t', 0, [6], {
      key: null,
      value: null,
      timeType: 'CREATE_TIME',
      headers: [
        { name: 'a', value: Buffer.from('x') },
        { name: 'b', value: null },
      ],
    });
    topics.append('t', 1, [0]);
    const { added } = await archive.run();
    expect(spans(added).toSorted()).toEqual(['0: 0-4', '0: 4-7', '1: 0-1']);
    const records = await archive.records('t', 0);
    expect(records.slice(0, 6)).toEqual([0, 1, 2, 3, 4, 5].map((offset) => record(offset)));
    expect(records[6]).toEqual({
      offset: 6n,
      appendedAtMs: 1_006,
      timeType: 'CREATE_TIME',
      key: null,
      value: null,
      headers: [
        { name: 'a', value: Buffer.from('x') },
        { name: 'b', value: null },
      ],
    });
    expect(added.find(({ partition }) => partition === 1)).toMatchObject({
      file: 't/1/0000000000000000000-0000000000000000001.avro',
      records: 1,
      appended_from_ms: 1_000,
      appended_until_ms: 1_000,
      missing: [],
      schemas: { '1': expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    });
  });

  it('grows by what has come since, and by nothing when that is nothing', async () => {
    archive.topics.append('t', 0, [0, 1]);
    const first = await archive.run();
    expect((await archive.run()).added).toEqual([]);
    archive.topics.append('t', 0, [2, 3]);
    const second = await archive.run();
    expect(spans(second.added)).toEqual(['0: 2-4']);
    expect(second.root).not.toBe(first.root);
    expect((await archive.records('t', 0)).map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 3n]);
  });

  it('declares offsets that hold no record, at the end and alone, too', async () => {
    archive.topics.append('t', 0, [1, 4]);
    archive.topics.endAt('t', 0, 6);
    const { added } = await archive.run();
    expect(added).toMatchObject([
      {
        from: '0',
        to: '6',
        records: 2,
        missing: [
          ['0', '1'],
          ['2', '4'],
          ['5', '6'],
        ],
      },
    ]);
    archive.topics.endAt('t', 0, 7);
    expect((await archive.run()).added).toMatchObject([
      { from: '6', to: '7', records: 0, missing: [['6', '7']], appended_from_ms: null },
    ]);
    expect(await archive.records('t', 0)).toHaveLength(2);
  });

  it('declares what retention took before it was archived, between runs and during one', async () => {
    const { topics } = archive;
    topics.append('t', 0, [0, 1]);
    await archive.run();
    topics.append('t', 0, [2, 3, 4, 5, 6, 7, 8, 9]);
    topics.deleteBelow('t', 0, 4);
    const { added } = await archive.run(
      {},
      {
        read: ({ visit, ...reading }) =>
          topics.read({
            ...reading,
            visit: async (batch) => {
              await visit(batch);
              if (batch.nextOffset === 7n) topics.deleteBelow('t', 0, 9);
            },
          }),
      },
    );
    expect(added).toMatchObject([
      { lost_from: '2', from: '4', to: '7' },
      { lost_from: '7', from: '9', to: '10' },
    ]);
    topics.append('t', 0, [10]);
    topics.deleteBelow('t', 0, 11);
    const nothing = await archive.run();
    expect(nothing).toMatchObject({ added: [], lost: [{ topic: 't', partition: 0, from: '10', to: '11' }] });
    topics.append('t', 0, [11]);
    expect((await archive.run()).added).toMatchObject([{ lost_from: '10', from: '11', to: '12' }]);
  });

  it('gives the same bytes for the same records, so that a run that was cut off is gone on with', async () => {
    archive.topics.append('t', 0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const cut = new AbortController();
    const put: string[] = [];
    const store: ArchiveStore = {
      ...archive.parts.store,
      put: async (name, path, facts) => {
        await archive.parts.store.put(name, path, facts);
        put.push(name);
        if (put.length === 2) cut.abort();
      },
    };
    // As if it was killed: the manifest is not written any more.
    const killed = { ...store, writeText: () => Promise.reject(new Error('killed')) };
    await expect(archive.run({}, { store: killed, signal: cut.signal })).rejects.toThrow();
    expect(put).toHaveLength(2);
    expect(readdirSync(archive.folder)).not.toContain(MANIFEST);

    const again = await archive.run();
    expect(spans(again.added)).toEqual(['0: 0-4', '0: 4-8', '0: 8-10']);
    const other = new TestArchive();
    other.topics.batchRecords = 100;
    other.topics.append('t', 0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect((await other.run()).root).toBe(again.root);
    other.remove();
  });

  it('keeps what is whole when it is interrupted', async () => {
    archive.topics.append('t', 0, [0, 1, 2, 3, 4, 5, 6]);
    const cut = new AbortController();
    const store: ArchiveStore = {
      ...archive.parts.store,
      put: async (...file) => {
        await archive.parts.store.put(...file);
        cut.abort();
      },
    };
    await expect(archive.run({}, { store, signal: cut.signal })).rejects.toThrow();
    expect(spans((await archive.reader()).manifest.segments)).toEqual(['0: 0-4']);
    expect(spans((await archive.run()).added)).toEqual(['0: 4-7']);
    expect(readdirSync(join(archive.folder, 't', '0'))).toHaveLength(2);
  });

  it('is made all the same when everything fails once before it was done, and once after', async () => {
    archive.topics.append('t', 0, [0, 1, 2, 3, 4, 5, 6]);
    const calls = new Map<unknown, number>();
    /** The first time it is not done, the second time nobody hears of it. */
    const failing = async <T>(what: string, action: () => Promise<T>): Promise<T> => {
      const call = (calls.get(what) ?? 0) + 1;
      calls.set(what, call);
      const away = new BacktrailError('ARCHIVE_UNREACHABLE', what);
      if (call === 1) throw away;
      const done = await action();
      if (call === 2) throw away;
      return done;
    };
    const inner = archive.parts.store;
    const store: ArchiveStore = {
      ...inner,
      readText: (name) => failing('read', () => inner.readText(name)),
      writeText: (name, text, before) => failing('write', () => inner.writeText(name, text, before)),
      put: (name, path, facts) => failing(`put ${name}`, () => inner.put(name, path, facts)),
    };
    const patiently: Patiently = (action) =>
      retrying(action, { initialMs: 1, maxMs: 1, signal: new AbortController().signal });
    await archive.run({}, { store, patiently });
    expect([...calls.values()]).toEqual([3, 3, 3, 3]);
    expect((await archive.records('t', 0)).map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n]);
  });

  it('leaves a list alone that somebody else has written meanwhile', async () => {
    archive.topics.append('t', 0, [0]);
    const mine = folderStore(archive.folder);
    const store: ArchiveStore = {
      ...mine,
      put: async (...file) => {
        await mine.put(...file);
        archive.topics.append('t', 0, [1]);
        await archive.run();
      },
    };
    await expect(archive.run({}, { store })).rejects.toMatchObject({ code: 'ARCHIVE_IN_USE' });
  });

  it('takes schemas along, and says which the registry does not know', async () => {
    archive.topics.append('t', 0, [0]);
    archive.topics.append('t', 0, [1], { value: valueOf(7, 'x') });
    archive.topics.append('t', 0, [2], { value: Buffer.from('no schema at all') });
    const { added } = await archive.run();
    expect(Object.keys(added[0]?.schemas ?? {})).toEqual(['1', '7']);
    expect(added[0]?.schemas['7']).toBeNull();
    const reader = await archive.reader();
    expect(reader.manifest.schemas).toEqual({ '1': { type: 'AVRO', schema: '"string"', references: [] } });
    expect([...reader.unknownSchemas]).toEqual(['7']);
  });

  it('does not mix two registries', async () => {
    archive.topics.append('t', 0, [0]);
    await archive.run();
    archive.topics.append('t', 0, [1]);
    const schema = () => Promise.resolve({ type: 'AVRO', schema: '"bytes"', references: [] });
    await expect(archive.run({}, { schema })).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
  });

  it('does not mix two logs: one that is shorter, one that is newer, one without the partition', async () => {
    archive.topics.append('t', 0, [0, 1, 2]);
    await archive.run();
    archive.topics.replace('t');
    archive.topics.append('t', 0, [0, 1]);
    await expect(archive.run()).rejects.toMatchObject({ code: 'LOG_REPLACED' });
    archive.topics.append('t', 0, [2, 3], { appendedAtMs: 50_000 });
    await expect(archive.run()).rejects.toMatchObject({ code: 'LOG_REPLACED' });
    archive.topics.replace('t');
    archive.topics.append('t', 1, [0]);
    await expect(archive.run()).rejects.toMatchObject({ code: 'LOG_REPLACED' });
  });
});
