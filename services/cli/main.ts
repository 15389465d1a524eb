import type { CliContext } from './context.js';
import { withoutUsers } from '../shared/redact.js';
import { EXIT, exitCodeOf, sentenceOf, type ExitCode } from './exit.js';
import { runProgram } from './program.js';

/**
 * How long a command may take to put its things away after Ctrl-C before it is ended all the same: a scenario's throw-away
 * topics and databases need some seconds. A second Ctrl-C ends it at once.
 */
const GRACE_MS = 15_000;
/** What a command left open when it was done, nobody will close: so long it may keep the process. */
const LINGER_MS = 5_000;

// AWS's library is pinned to a version that runs here: what later ones will need is no news for who runs a command.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

const interruption = new AbortController();
let ending: ExitCode = EXIT.ok;

const context: CliContext = {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
  endWith: (code) => {
    ending = code;
  },
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(EXIT.interrupted);
    interruption.abort(new Error('interrupted'));
    setTimeout(() => process.exit(EXIT.interrupted), GRACE_MS).unref();
  });
}
// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failure);
});

try {
  await runProgram(process.argv.slice(2), context);
} catch (error) {
  ending = exitCodeOf(error);
  const sentence = sentenceOf(error);
  if (!interruption.signal.aborted && sentence !== '') process.stderr.write(`backtrail: ${sentence}\n`);
  if (process.env['LOG_LEVEL'] === 'debug' && error instanceof Error) {
    process.stderr.write(`${withoutUsers(error.stack ?? '')}\n`);
  }
}
process.exitCode = interruption.signal.aborted ? EXIT.interrupted : ending;
setTimeout(() => process.exit(), LINGER_MS).unref();
