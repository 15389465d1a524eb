import { seededRandom } from '../../services/demo/random.js';
import type { StackEngine } from '../../services/scenario/stack-engine.js';
import { elapsedMs } from '../../services/shared/clock.js';
import type { FuzzOptions } from './arguments.js';
import { scenarioOf, type Case, type Difference } from './case.js';
import { killedProcesses } from './killed-processes.js';
import { questionsOf } from './questions.js';
import { runCases, type Found, type Setting } from './run-cases.js';
import { sagaOf } from './saga.js';
import { scenarioText } from './scenario-text.js';
import { shrink } from './shrink.js';
import { randomStory } from './story.js';

/** What a run came to. */
export interface FuzzReport {
  readonly stories: number;
  readonly questions: number;
  readonly differing: readonly Found[];
}

export interface FuzzContext {
  readonly engine: StackEngine;
  readonly signal: AbortSignal;
  /** Scenario files, and nothing else. */
  readonly print: (text: string) => void;
  readonly say: (sentence: string) => void;
}

const ALL_PARTITIONS = [1, 3, 12];
/** Stories that share partitions and bounds, and one set of topics made ahead. */
const STORIES_A_RUN = 24;
/** Processes take seconds to start and to be missed: many stories are told to them as one. */
const STORIES_A_SAGA = 12;
/** Records keep coming while processes die. */
const PAUSE_AMONG_KILLS_MS = 200;
/** What happened once by chance in the middle of a kill is given this many chances to happen again. */
const KILL_ATTEMPTS = 3;

/** The story of that number: the same for ever. */
export function caseOf(seed: string, number: number, moments: number): Case {
  const story = randomStory(`${seed}/${number}`);
  return { name: story.name, records: story.records, questions: questionsOf(story, moments) };
}

/** Tells random stories to the stack and compares; shrinks and prints what differs. */
export async function fuzz(options: FuzzOptions, context: FuzzContext): Promise<FuzzReport> {
  const { stories, seed, first, moments, kill } = options;
  const { say, engine, signal } = context;
  const differing: Found[] = [];
  const startMs = elapsedMs();
  let questions = 0;
  let told = 0;
  for (let from = first; from < first + stories && !signal.aborted;) {
    const count = Math.min(kill ? STORIES_A_SAGA : STORIES_A_RUN, first + stories - from);
    const cases = Array.from({ length: count }, (_, i) => caseOf(seed, from + i, moments));
    const setting = settingOf(options, from);
    const run = kill ? [sagaOf(`stories ${from} to ${from + count - 1} of ${seed}`, cases)] : cases;
    const random = seededRandom(`run ${seed}/${from}`);
    const services = kill ? killedProcesses(random, say) : null;
    for await (const found of runCases(run, setting, { engine, random, ...(services ? { run: services } : {}) })) {
      questions += found.tested.questions.length;
      if (found.differences.length === 0) continue;
      differing.push(found);
      say(`${found.tested.name}: ${found.differences.length} of ${found.tested.questions.length} answers differ`);
      if (differing.length <= options.show) await printShrunk(found, setting, options, context);
    }
    from += count;
    told += count;
    const seconds = (elapsedMs() - startMs) / 1000;
    const where = `${setting.partitions} partitions, ${setting.instances} instances, ${setting.rowsMax} rows`;
    say(
      `${told} stories, ${questions} answers, ${differing.length} differ, ${(seconds / told).toFixed(2)} s a story (${where})`,
    );
  }
  return { stories: told, questions, differing };
}

/** Partitions and bounds of the run that begins with this story. */
function settingOf({ seed, partitions, instances, kill }: FuzzOptions, from: number): Setting {
  const random = seededRandom(`setting ${seed}/${from}`);
  return {
    partitions: partitions ?? random.pick(ALL_PARTITIONS),
    instances,
    rowsMax: random.pick([1, 2, 7, 50_000]),
    pauseMaxMs: kill ? PAUSE_AMONG_KILLS_MS : random.pick([null, 0, 20]),
  };
}

async function printShrunk(
  { tested, differences }: Found,
  setting: Setting,
  { seed, kill }: FuzzOptions,
  { engine, say, print }: FuzzContext,
): Promise<void> {
  const [difference] = differences as [Difference];
  const one = { ...tested, questions: [difference.question] };
  const random = seededRandom(`shrinking ${seed}`);
  let last = difference;
  let tries = 0;
  const stillDiffers = async (cases: readonly Case[]): Promise<boolean[]> => {
    const differs = cases.map(() => false);
    for (let attempt = 0; attempt < (kill ? KILL_ATTEMPTS : 1); attempt += 1) {
      let i = 0;
      const services = kill ? killedProcesses(random, () => undefined) : null;
      for await (const found of runCases(cases, setting, { engine, random, ...(services ? { run: services } : {}) })) {
        tries += 1;
        const [again] = found.differences;
        if (again !== undefined && !differs.includes(true)) last = again;
        if (again !== undefined) differs[i] = true;
        i += 1;
      }
      if (differs.includes(true)) break;
    }
    return differs;
  };
  say(`shrinking ${tested.records.length} records, ${JSON.stringify(difference.question)}`);
  const smallest = await shrink(one, stillDiffers);
  say(`${smallest.records.length} records are left after ${tries} tries`);
  print(reportOf(smallest, last));
}

function reportOf(smallest: Case, { question, expected, actual }: Difference): string {
  const text = scenarioText(smallest.name, smallest.records, [{ question, answer: expected }]);
  return `# The stack answers ${JSON.stringify(actual)}\n# ${scenarioOf(smallest).records.length} records; the answer below is the core's.\n${text}`;
}
