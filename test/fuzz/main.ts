import { randomInt } from 'node:crypto';
import { configWithStack } from '../../services/cli/stack-config.js';
import type { CliContext } from '../../services/cli/context.js';
import { EXIT } from '../../services/cli/exit.js';
import { StackEngine } from '../../services/scenario/stack-engine.js';
import { interruption, optionsOr, say } from '../command-line.js';
import { fuzzOptions, USAGE } from './arguments.js';
import { fuzz } from './fuzz.js';

const ending = interruption();

async function main(): Promise<number> {
  const options = optionsOr((args) => fuzzOptions(args, () => String(randomInt(1_000_000))), USAGE);
  if (typeof options === 'number') return options;
  const context: CliContext = {
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: ending,
    endWith: () => undefined,
  };
  const config = await configWithStack(context);
  say(`seed ${options.seed}`);
  const engine = await StackEngine.open({ config, signal: ending });
  const print = (text: string): void => {
    process.stdout.write(text);
  };
  const report = await fuzz(options, { engine, signal: ending, say, print }).finally(() => engine.close());
  const { stories, questions, differing } = report;
  say(`${stories} stories, ${questions} answers compared, ${differing.length} stories differ (seed ${options.seed})`);
  if (ending.aborted) return EXIT.interrupted;
  return differing.length > 0 ? EXIT.findings : EXIT.ok;
}

process.exitCode = await main().catch((error: unknown) => {
  if (ending.aborted) return EXIT.interrupted;
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.failure;
});
