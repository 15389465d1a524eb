import type { Definition } from '../shared/runtime/definition.js';

/** Release records become facts and nothing else: every other service reads the topic by itself. */
export const release: Definition<'releases'> = {
  service: 'release',
  stream: 'releases',
  joined: null,
  readsReleases: false,
};
