import type { Command } from 'commander';
import type { Outcome, Scenario } from '../scenario/scenario.js';
import { printJson, say, type CliContext } from './context.js';
import { EXIT, usageError } from './exit.js';

interface Options {
  readonly engine: string;
  readonly json?: true;
}

/** `backtrail scenario run FILE...` (SPEC 10). */
export function registerScenario(program: Command, context: CliContext): void {
  const scenario = program.command('scenario').description('stories with their right answers');
  scenario
    .command('run')
    .description('tell stories to an engine and compare its answers')
    .argument('<files...>', 'scenario files (YAML)')
    .option('--engine <engine>', 'core: in memory; stack: through Kafka, the services and ClickHouse', 'core')
    .option('--json', 'one JSON object a story, one a line')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: Options) => run(files, options, context));
}

const EXAMPLES = `
Examples:
  $ backtrail scenario run test/scenarios/*.yaml
  $ backtrail scenario run story.yaml --engine stack --json

Exit codes: 0 all answers are as expected, 3 one is not, 2 a file cannot be read.`;

async function run(files: readonly string[], options: Options, context: CliContext): Promise<void> {
  if (options.engine !== 'core' && options.engine !== 'stack') {
    throw usageError(`--engine is core or stack, not ${options.engine}`);
  }
  const { readScenarios } = await import('../scenario/read.js');
  const { printOutcome } = await import('../scenario/report.js');
  const scenarios = await readScenarios(files);
  let failed = 0;
  const outcomes = options.engine === 'core' ? await onCore(scenarios) : await onStack(scenarios, context);
  for await (const outcome of outcomes) {
    if (!outcome.pass) failed += 1;
    if (options.json) printJson(context, outcome);
    else context.stdout.write(printOutcome(outcome));
  }
  if (!options.json) say(context, `${scenarios.length - failed} of ${scenarios.length} stories pass`);
  if (failed > 0) context.endWith(EXIT.findings);
}

type Outcomes = AsyncIterable<Outcome>;

async function onCore(scenarios: readonly Scenario[]): Promise<Outcomes> {
  const { outcomesOf } = await import('../scenario/core-engine.js');
  return outcomesOf(scenarios);
}

async function onStack(scenarios: readonly Scenario[], context: CliContext): Promise<Outcomes> {
  const { outcomesOf } = await import('../scenario/stack-engine.js');
  const { runServices } = await import('../scenario/services.js');
  const { configWithStack } = await import('./stack-config.js');
  return outcomesOf(scenarios, {
    config: await configWithStack(context),
    runServices,
    signal: context.signal,
    say: (sentence) => {
      say(context, sentence);
    },
  });
}
