import { serve } from '../shared/runtime/serve.js';
import { agent } from './definition.js';

const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    ending.abort();
  });
}
process.exit(await serve(agent, process.env, ending.signal));
