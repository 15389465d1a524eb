import type { Definition } from '../shared/runtime/definition.js';

/** What an agent did says all there is by itself; what it means for a window is folded when a window is asked for. */
export const agent: Definition<'agents'> = {
  service: 'agent',
  stream: 'agents',
  joined: null,
};
