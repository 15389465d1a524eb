import type { ReplaySource } from '../replay/source.js';
import { archiveConsumer } from './archive-consumer.js';
import type { ArchiveReader } from './archive-reader.js';
import { archivedLog } from './archived-log.js';
import { archivedSchemas } from './archived-schemas.js';

/** A replay reads from an archive what that has, and the rest from where it would without. */
export function archiveSource(archive: ArchiveReader): ReplaySource {
  return {
    log: (brokers) => archivedLog(archive, brokers),
    consumer: (brokers, reading) => archiveConsumer(brokers, { ...reading, archive }),
    schemas: (registry) => archivedSchemas(archive.manifest.schemas, { unknown: archive.unknownSchemas, registry }),
  };
}
