import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { archiveTopics, type ArchiveParts, type ArchiveRun } from '../../../services/archive/archive.js';
import { ArchiveReader } from '../../../services/archive/archive-reader.js';
import { folderStore } from '../../../services/archive/folder-store.js';
import type { SegmentLimits } from '../../../services/archive/segment-writer.js';
import type { TimedRecord } from '../../../services/shared/kafka/span-reader.js';
import { MemoryTopics } from './memory-topic.fixture.js';

export const STRING_SCHEMA = { type: 'AVRO', schema: '"string"', references: [] };

/** An archive in a folder of its own, of topics in memory. */
export class TestArchive {
  readonly topics = new MemoryTopics();
  readonly folder = mkdtempSync(join(tmpdir(), 'backtrail-archive-test-'));
  readonly parts: ArchiveParts = {
    store: folderStore(this.folder),
    log: this.topics,
    read: this.topics.read,
    schema: (id) => Promise.resolve(id === 1 ? STRING_SCHEMA : null),
    patiently: (action) => action(),
  };

  run(
    limits: Partial<SegmentLimits> = {},
    more: Partial<ArchiveParts> & { signal?: AbortSignal; topics?: readonly string[] } = {},
  ): Promise<ArchiveRun> {
    const { signal = new AbortController().signal, topics = ['t'], ...parts } = more;
    return archiveTopics(
      { ...this.parts, ...parts },
      { topics, limits: { records: 4, bytes: 1_000_000, ...limits }, signal },
    );
  }

  reader(): Promise<ArchiveReader> {
    return ArchiveReader.open(folderStore(this.folder));
  }

  /** All that it holds of a partition, in its order. */
  async records(topic: string, partition: number): Promise<TimedRecord[]> {
    const reader = await this.reader();
    const found: TimedRecord[] = [];
    for (const segment of reader.held(topic).get(partition)?.segments ?? []) {
      for await (const { records } of reader.pieces(segment)) found.push(...records);
    }
    return found;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
