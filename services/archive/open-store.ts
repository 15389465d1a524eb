import type { S3Config } from '../shared/config.js';
import { folderStore } from './folder-store.js';
import type { Place } from './place.js';
import type { ArchiveStore } from './store.js';

/** The files of an archive. What speaks to S3 is loaded only where it is spoken to. Close it. */
export async function openStore(place: Place, config: S3Config): Promise<ArchiveStore> {
  if (place.kind === 'folder') return folderStore(place.path, place.name);
  const { s3Store } = await import('./s3-store.js');
  return s3Store(place, config);
}
