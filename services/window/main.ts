import { loadConfig } from '../shared/config.js';
import { runMain } from '../shared/runtime/main.js';
import { runWindow } from './service.js';

await runMain(async (signal) => runWindow(loadConfig(process.env), signal));
