import { serve } from '../shared/runtime/serve.js';
import { release } from './definition.js';

const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    ending.abort();
  });
}
process.exit(await serve(release, process.env, ending.signal));
