import type { Definition } from '../shared/runtime/definition.js';
import { InferenceReviser } from './reviser.js';
import { toRow } from './to-row.js';
import { InferenceTranscoder } from './transcoder.js';

/** An inference record becomes one row: the record, which release served it, from which blob, and since when that is known. */
export const inference: Definition<'inferences'> = {
  service: 'inference',
  stream: 'inferences',
  attributed: {
    table: 'inference_rows',
    row: toRow,
    transcoder: (releases) => new InferenceTranscoder(releases),
    reviser: (releases) => new InferenceReviser(releases),
  },
  joined: null,
};
