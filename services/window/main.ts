import { runProcess } from '../shared/runtime/serve.js';
import { keepHeapSmall } from '../shared/runtime/small-heap.js';
import { runWindow, SERVICE } from './service.js';

keepHeapSmall();
const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    ending.abort();
  });
}
process.exit(
  await runProcess(SERVICE, process.env, (config, log) => runWindow(config, { signal: ending.signal, log })),
);
