import { serve } from '../shared/runtime/serve.js';
import { keepHeapSmall } from '../shared/runtime/small-heap.js';
import { payment } from './definition.js';

keepHeapSmall();
const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    ending.abort();
  });
}
process.exit(await serve(payment, process.env, ending.signal));
