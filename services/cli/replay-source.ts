import { ArchiveReader } from '../archive/archive-reader.js';
import { archiveSource } from '../archive/archive-source.js';
import { openStore } from '../archive/open-store.js';
import { patientStore } from '../archive/patient-store.js';
import { placeOf } from '../archive/place.js';
import { BROKERS, type ReplaySource } from '../replay/source.js';
import type { Config } from '../shared/config.js';
import { patiently } from '../shared/runtime/patience.js';
import { patienceOf } from './archive-patience.js';
import type { CliContext } from './context.js';

/** Opens the archive that is named, if one is, for as long as it is read. */
export async function withSource<T>(
  archive: string | undefined,
  { config, context }: { readonly config: Config; readonly context: CliContext },
  use: (source: ReplaySource) => Promise<T>,
): Promise<T> {
  if (archive === undefined) return use(BROKERS);
  const opened = await openStore(placeOf(archive), config.archive);
  const store = patientStore(opened, (action) => patiently(action, patienceOf(context)));
  try {
    return await use(archiveSource(await ArchiveReader.open(store)));
  } finally {
    await store.close();
  }
}
