import { Command, Option } from 'commander';
import {
  QUESTIONS,
  type Answer,
  type Argument,
  type Ask,
  type JsonObject,
  type Question,
} from '../shared/core/question.js';
import { eventTimeArgument, knowledgeTimeArgument, wholeNumberArgument } from './arguments.js';
import type { Answered } from '../shared/clickhouse/ask/ask.js';
import { isoFromMs } from '../shared/core/time.js';
import { printJson, say, type CliContext } from './context.js';

interface Options {
  readonly at?: string;
  readonly known?: string;
  readonly activation?: string;
  readonly model?: string;
  readonly json?: true;
  readonly envelope?: true;
  readonly run?: string;
}

/** What each question asks, in the words of SPEC 9, and an example of how to ask it. */
const WORDS: Readonly<Record<Ask, { asks: string; example: string }>> = {
  timeline: { asks: 'the traffic split of a model at a time', example: 'timeline MODEL --at 2026-03-10T10:05:00Z' },
  served: { asks: 'which release actually served a request', example: 'served 0x5c1e...' },
  blob: { asks: 'which Blob ID produced the output', example: 'blob 0x5c1e...' },
  proof: { asks: 'which proof path verified the inference', example: 'proof 0x5c1e...' },
  agents: {
    asks: 'which agents changed because of, or during, an activation of a release',
    example: 'agents MODEL v2 --activation 2',
  },
  payments: {
    asks: 'which payments settled while a release was active, and which for its work',
    example: 'payments MODEL v2 --json',
  },
  payment: { asks: 'the parts of one payment: tainted, possible, clean, unattributed', example: 'payment 0x77aa...' },
  taint: { asks: 'the inferences that the flags of a release cover', example: 'taint MODEL v2' },
  windows: { asks: 'the activations of all releases of a model', example: 'windows MODEL' },
  incident: { asks: 'what became of a flagged release', example: 'incident MODEL v2 --known 2026-03-10T11:00:00Z' },
  incidents: { asks: 'the incidents of all models, or of one', example: 'incidents --model MODEL' },
  alerts: { asks: 'the alerts of a model, in every state', example: 'alerts MODEL' },
  trail: { asks: 'all there is about one inference, with the position of every record', example: 'trail 0x5c1e...' },
};

/** Arguments that are given by their place; the others are options. */
const POSITIONAL: ReadonlySet<Argument> = new Set(['model', 'release', 'inference', 'payment']);

/** `backtrail ask QUESTION ...` (SPEC 9). */
export function registerAsk(program: Command, context: CliContext): void {
  const ask = program
    .command('ask')
    .description('ask what is known: which release served, what is tainted, who was paid')
    .addHelpText('after', EXAMPLES);
  for (const question of Object.keys(QUESTIONS) as Ask[]) ask.addCommand(questionCommand(question, ask, context));
}

const EXAMPLES = `
Examples:
  $ backtrail ask served 0x5c1e...
  $ backtrail ask payments MODEL v2 --activation 1 --json
  $ backtrail ask incidents --known 2026-03-10T11:00:00Z
  $ backtrail ask served -- --an-id-like-this

--known T answers as it was known at T: only records that the log had by then exist.
Times are ISO-8601, UTC unless they say otherwise.

An answer is final when everything appended up to its K is applied: then asking again gives the same bytes. Objects
say so in known_at, complete_until and provisional; of a list --envelope does, and a provisional one is noted on stderr.
Where logs deleted records before they were read, gaps says how many gaps the answer may lack.`;

function questionCommand(ask: Ask, parent: Command, context: CliContext): Command {
  const { required, optional } = QUESTIONS[ask];
  const { asks, example } = WORDS[ask];
  const command = new Command(ask).copyInheritedSettings(parent).description(asks);
  const positional = required.filter((argument) => POSITIONAL.has(argument));
  for (const argument of positional) command.argument(`<${argument}>`, argumentHelp(argument));
  for (const argument of [...required, ...optional]) {
    if (positional.includes(argument)) continue;
    const option = new Option(optionFlags(argument), argumentHelp(argument));
    command.addOption(option.makeOptionMandatory(required.includes(argument)));
  }
  command.option('--known <time>', 'as known at this time (default: everything the log has)');
  command.option('--run <id>', 'answer from the rows of a replay');
  command.option('--json', 'the answer as JSON');
  command.option('--envelope', 'as JSON in {answer, known_at, complete_until, provisional}');
  command.addHelpText('after', `\nExample:\n  $ backtrail ask ${example}`);
  command.action(async (...given: unknown[]) => {
    const places = given.slice(0, positional.length) as string[];
    const named = Object.fromEntries(positional.map((argument, i) => [argument, places[i] ?? '']));
    await run(buildQuestion(ask, { ...command.opts<Options>(), ...named }), command.opts<Options>(), context);
  });
  return command;
}

function optionFlags(argument: Argument): string {
  return argument === 'at' ? '--at <time>' : argument === 'activation' ? '--activation <n>' : `--${argument} <id>`;
}

function argumentHelp(argument: Argument): string {
  switch (argument) {
    case 'at':
      return 'event time';
    case 'activation':
      return 'number of the activation, counted from 1';
    case 'release':
      return 'name of the release';
    default:
      return `id of the ${argument}`;
  }
}

/** The question that these texts ask. Throws a usage error for one that is no time or number. */
export function buildQuestion(ask: Ask, given: Readonly<Record<string, unknown>> & Options): Question {
  const { required, optional } = QUESTIONS[ask];
  const question: Record<string, unknown> = { ask };
  for (const argument of [...required, ...optional]) {
    const text = given[argument];
    if (typeof text !== 'string') continue;
    if (argument === 'at') question[argument] = eventTimeArgument('--at', text);
    else if (argument === 'activation') question[argument] = wholeNumberArgument('--activation', text, 1);
    else question[argument] = text;
  }
  if (given.known !== undefined) question['known'] = knowledgeTimeArgument('--known', given.known);
  return question as unknown as Question;
}

async function run(question: Question, options: Options, context: CliContext): Promise<void> {
  const { askOnStack } = await import('./ask-stack.js');
  const answered = await askOnStack(question, context, options.run);
  const { answer } = answered;
  if (options.envelope) printJson(context, { answer, ...horizonFields(answered) });
  // A list has no room for more than its items.
  else if (options.json) printJson(context, isList(answer) ? answer : { ...answer, ...horizonFields(answered) });
  else {
    const { answerLines } = await import('./answer-lines.js');
    for (const line of answerLines(answer)) context.stdout.write(`${line}\n`);
  }
  const { known_at: known, complete_until: complete, provisional } = horizonFields(answered);
  if (provisional) {
    say(context, `provisional: asked as known at ${known}, and everything appended up to ${complete} is applied`);
  } else if (!options.json && !options.envelope) say(context, `final: as known at ${known}`);
  const { gaps, records } = answered.lacking;
  if (gaps === 0) return;
  const what = `${String(gaps)} ${gaps === 1 ? 'gap' : 'gaps'}, of at most ${String(records)} records`;
  say(context, `lacking: the logs deleted ${what}, before it was read; \`backtrail completeness\` names them`);
}

function horizonFields({ knownAtMs, completeUntilMs, lacking }: Answered): {
  known_at: string;
  complete_until: string;
  provisional: boolean;
  gaps?: number;
} {
  return {
    known_at: isoFromMs(knownAtMs),
    complete_until: isoFromMs(completeUntilMs),
    provisional: completeUntilMs < knownAtMs,
    ...(lacking.gaps > 0 ? { gaps: lacking.gaps } : {}),
  };
}

function isList(answer: Answer): answer is readonly JsonObject[] {
  return Array.isArray(answer);
}
