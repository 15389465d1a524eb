import type { Definition } from '../shared/runtime/definition.js';

/** What became of a proof says all there is by itself; views tell which of an inference's proofs decides. */
export const proof: Definition<'proofs'> = {
  service: 'proof',
  stream: 'proofs',
  joined: null,
};
