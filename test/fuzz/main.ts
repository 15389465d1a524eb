import { randomInt } from 'node:crypto';
import { configWithStack } from '../../services/cli/stack-config.js';
import type { CliContext } from '../../services/cli/context.js';
import { EXIT } from '../../services/cli/exit.js';
import { StackEngine } from '../../services/scenario/stack-engine.js';
import { fuzzOptions, USAGE } from './arguments.js';
import { fuzz } from './fuzz.js';

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    ending.abort();
  });
}

const say = (sentence: string): void => {
  process.stderr.write(`${sentence}\n`);
};

async function main(): Promise<number> {
  let options;
  try {
    options = fuzzOptions(process.argv.slice(2), () => String(randomInt(1_000_000)));
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return EXIT.usage;
  }
  if (options === null) {
    process.stdout.write(`${USAGE}\n`);
    return EXIT.ok;
  }
  const context: CliContext = {
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: ending.signal,
    endWith: () => undefined,
  };
  const config = await configWithStack(context);
  say(`seed ${options.seed}`);
  const { signal } = ending;
  const engine = await StackEngine.open({ config, signal });
  const print = (text: string): void => {
    process.stdout.write(text);
  };
  const report = await fuzz(options, { engine, signal, say, print }).finally(() => engine.close());
  const { stories, questions, differing } = report;
  say(`${stories} stories, ${questions} answers compared, ${differing.length} stories differ (seed ${options.seed})`);
  if (signal.aborted) return EXIT.interrupted;
  return differing.length > 0 ? EXIT.findings : EXIT.ok;
}

process.exitCode = await main().catch((error: unknown) => {
  if (ending.signal.aborted) return EXIT.interrupted;
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.failure;
});
