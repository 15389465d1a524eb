import { stackHome } from './home.js';
import { supervise } from './supervisor.js';

// Started by `backtrail up`, with the folder of the stack as its argument; ends on SIGTERM, after everything it started.
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    stop.abort();
  });
}
// Standard output is a log file; on a full disk its lines are lost, and nothing else.
process.stdout.on('error', () => undefined);
await supervise(stackHome(process.env, process.argv[2]), process.env, stop.signal);
