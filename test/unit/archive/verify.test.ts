import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { folderStore } from '../../../services/archive/folder-store.js';
import { FIRST_LINK, linkOf, MANIFEST, type ArchiveManifest, type Linked } from '../../../services/archive/manifest.js';
import { verifyArchive, type Verified } from '../../../services/archive/verify.js';
import { TestArchive } from './archive.fixture.js';
import { valueOf } from './memory-topic.fixture.js';

let archive: TestArchive;

beforeEach(async () => {
  archive = new TestArchive();
  archive.topics.append('t', 0, [0, 1, 2, 3, 5, 6, 7, 8]);
  archive.topics.append('t', 1, [0, 1]);
  await archive.run();
});

afterEach(() => {
  archive.remove();
});

function verify(root?: string): Promise<Verified> {
  return verifyArchive(folderStore(archive.folder), { signal: new AbortController().signal, root });
}

function manifest(): ArchiveManifest {
  return JSON.parse(readFileSync(join(archive.folder, MANIFEST), 'utf8')) as ArchiveManifest;
}

function rewrite(change: (manifest: ArchiveManifest) => ArchiveManifest): void {
  writeFileSync(join(archive.folder, MANIFEST), JSON.stringify(change(manifest())));
}

/** As somebody does who knows how the chain is made. */
function chained(segments: readonly Linked[]): Pick<ArchiveManifest, 'segments' | 'root'> {
  let root = FIRST_LINK;
  const linked = segments.map((segment) => {
    root = linkOf(root, segment);
    return { ...segment, link: root };
  });
  return { segments: linked, root };
}

function fileOf(number: number): string {
  return join(archive.folder, (manifest().segments[number] as Linked).file);
}

describe('an archive that is whole', () => {
  it('says what it holds', async () => {
    const verified = await verify();
    expect(verified).toMatchObject({ whole: true, problems: [], lost: [], undecodable: 0, unlisted: [] });
    expect(verified.ranges).toMatchObject([
      { topic: 't', partition: 0, from: '0', to: '9', records: 8, missing: '1', segments: 2 },
      { topic: 't', partition: 1, from: '0', to: '2', records: 2, missing: '0', segments: 1 },
    ]);
  });

  it('may hold values that nobody can decode, declare losses, and lie beside files of others', async () => {
    archive.topics.append('t', 0, [9], { value: Buffer.from([0, 0, 0, 0, 1, 99]) });
    archive.topics.append('t', 0, [10], { value: valueOf(8, 'x') });
    archive.topics.append('t', 1, [2, 3, 4]);
    archive.topics.deleteBelow('t', 1, 4);
    await archive.run();
    writeFileSync(join(archive.folder, 't', 'left.avro'), '');
    expect(await verify()).toMatchObject({
      whole: true,
      undecodable: 2,
      lost: [{ topic: 't', partition: 1, from: '2', to: '4' }],
      unlisted: ['t/left.avro'],
    });
  });

  it('is known by a root it had once', async () => {
    const { root } = manifest();
    archive.topics.append('t', 0, [9]);
    await archive.run();
    expect((await verify(root)).whole).toBe(true);
    expect(await verify('0'.repeat(64))).toMatchObject({ whole: false, problems: [{ file: MANIFEST, topic: null }] });
  });
});

describe('an archive that is damaged', () => {
  const damages: [string, () => void, RegExp][] = [
    [
      'a file is missing',
      () => {
        rmSync(fileOf(0));
      },
      /is missing/,
    ],
    [
      'a file is cut off',
      () => {
        writeFileSync(fileOf(0), readFileSync(fileOf(0)).subarray(0, -1));
      },
      /bytes instead of/,
    ],
    [
      'one bit of a file is another',
      () => {
        const bytes = readFileSync(fileOf(0));
        bytes.writeUInt8(bytes.readUInt8(bytes.length - 20) ^ 1, bytes.length - 20);
        writeFileSync(fileOf(0), bytes);
      },
      /another SHA-256/,
    ],
    [
      'two files have changed places',
      () => {
        const [one, other] = [fileOf(0), fileOf(1)];
        renameSync(one, `${one}.x`);
        renameSync(other, one);
        renameSync(`${one}.x`, other);
      },
      /bytes instead of|another SHA-256/,
    ],
  ];
  it.each(damages)('%s: the range is named', async (_what, damage, problem) => {
    damage();
    const { whole, problems } = await verify();
    expect(whole).toBe(false);
    expect(problems[0]).toMatchObject({ topic: 't', problem: expect.stringMatching(problem) as string });
    const { partition, from, to } = manifest().segments[0] as Linked;
    expect(problems[0]).toMatchObject({ partition, from, to });
  });

  const forgeries: [string, (manifest: ArchiveManifest) => ArchiveManifest, RegExp][] = [
    [
      'an entry says less than there is',
      (one) => ({ ...one, segments: one.segments.map((segment) => ({ ...segment, records: 1 })) }),
      /entry was changed/,
    ],
    ['an entry is gone', (one) => ({ ...one, segments: one.segments.slice(1) }), /entry was changed/],
    ['the last entry is gone', (one) => ({ ...one, segments: one.segments.slice(0, -1) }), /root/],
    [
      'a range in between is gone, and the chain made anew',
      (one) => {
        const first = one.segments.find(({ partition, from }) => partition === 0 && from === '0');
        const later = one.segments.find(({ partition, from }) => partition === 0 && from !== '0') as Linked;
        const moved = { ...later, from: '6', file: later.file.replace(/\d+-/, '0000000000000000006-') };
        return { ...one, ...chained([first as Linked, moved]) };
      },
      /ends at/,
    ],
    [
      'a hole is declared that is none, and the chain made anew',
      (one) => ({ ...one, ...chained(one.segments.map((segment) => ({ ...segment, missing: [['1', '2']] }))) }),
      /where .* should be|end before/,
    ],
    [
      'a schema is another',
      (one) => ({ ...one, schemas: { '1': { type: 'AVRO', schema: '"bytes"', references: [] } } }),
      /schema 1/,
    ],
    ['a schema is gone', (one) => ({ ...one, schemas: {} }), /schema 1/],
  ];
  it.each(forgeries)('%s', async (_what, change, problem) => {
    rewrite(change);
    const { whole, problems } = await verify();
    expect(whole).toBe(false);
    expect(problems.map((one) => one.problem).join('\n')).toMatch(problem);
  });

  it.each([
    ['no JSON', '{'],
    ['of another kind', '{"format":2}'],
    ['with a file outside', '../../etc/passwd'],
  ])('its manifest is %s', async (_what, text) => {
    if (text.startsWith('.')) {
      rewrite((one) => ({ ...one, segments: one.segments.map((segment) => ({ ...segment, file: text })) }));
    } else writeFileSync(join(archive.folder, MANIFEST), text);
    await expect(verify()).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
  });

  it('gives no record of a file that is another', async () => {
    writeFileSync(fileOf(0), readFileSync(fileOf(1)));
    await expect(archive.records('t', 0)).rejects.toMatchObject({
      code: 'ARCHIVE_DAMAGED',
      message: expect.stringContaining('t partition 0 offsets 0 to 3') as string,
    });
  });

  it('is none where there is no manifest', async () => {
    rmSync(join(archive.folder, MANIFEST));
    await expect(verify()).rejects.toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2 });
  });
});
