import { ArchiveReader } from '../archive/archive-reader.js';
import { archiveSource } from '../archive/archive-source.js';
import { openStore } from '../archive/open-store.js';
import { placeOf } from '../archive/place.js';
import { BROKERS, type ReplaySource } from '../replay/source.js';
import type { Config } from '../shared/config.js';

/** Opens the archive that is named, if one is, for as long as it is read. */
export async function withSource<T>(
  archive: string | undefined,
  config: Config,
  use: (source: ReplaySource) => Promise<T>,
): Promise<T> {
  if (archive === undefined) return use(BROKERS);
  const store = await openStore(placeOf(archive), config.archive);
  try {
    return await use(archiveSource(await ArchiveReader.open(store)));
  } finally {
    await store.close();
  }
}
