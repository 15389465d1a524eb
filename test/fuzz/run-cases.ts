import type { Random } from '../../services/demo/random.js';
import { runServices } from '../../services/scenario/services.js';
import type { RunServices, StackEngine, Telling } from '../../services/scenario/stack-engine.js';
import type { ScenarioRecord } from '../../services/scenario/scenario.js';
import { sleep } from '../../services/shared/clock.js';
import { coreAnswers, differences, scenarioOf, type Case, type Difference } from './case.js';

/** How stories are run; all stories of one run alike. */
export interface Setting {
  readonly partitions: number;
  readonly instances: number;
  /** Most rows of one insert, and of one step of a sweep. */
  readonly rowsMax: number;
  /** Records come in parts, cut at random places, with a pause of up to so many milliseconds behind each; null: all at once. */
  readonly pauseMaxMs: number | null;
}

/** What was found of one case. */
export interface Found {
  readonly tested: Case;
  readonly differences: readonly Difference[];
}

const PART_MAX = 12;

/** Runs cases on the stack, in one go, and compares every answer with the core's. */
export async function* runCases(
  cases: readonly Case[],
  setting: Setting,
  {
    engine,
    random,
    run = inThisProcess,
  }: { engine: StackEngine; random: Random; run?: (setting: Setting) => RunServices },
): AsyncGenerator<Found> {
  const scenarios = cases.map(scenarioOf);
  const { partitions, rowsMax, pauseMaxMs } = setting;
  const telling: Telling = {
    runServices: run(setting),
    partitions,
    limits: { batchRowsMax: rowsMax, sweepRowsMax: rowsMax },
    ...(pauseMaxMs === null ? {} : { pace: (records) => parts(records, random, pauseMaxMs) }),
  };
  let i = 0;
  for await (const { checks } of engine.outcomesOf(scenarios, telling)) {
    const scenario = scenarios[i] as (typeof scenarios)[number];
    const actual = checks.map((check) => check.actual);
    const expected = coreAnswers(scenario, partitions);
    yield { tested: cases[i] as Case, differences: differences(scenario, expected, actual) };
    i += 1;
  }
}

/** So many instances of every service, all in this process. */
function inThisProcess({ instances }: Setting): RunServices {
  return async (config, signal) => {
    await Promise.all(Array.from({ length: instances }, () => runServices(config, signal)));
  };
}

/** The records in their order, a few at a time. */
async function* parts(
  records: readonly ScenarioRecord[],
  random: Random,
  pauseMaxMs: number,
): AsyncGenerator<readonly ScenarioRecord[]> {
  let from = 0;
  while (from < records.length) {
    const to = Math.min(records.length, from + random.between(1, PART_MAX));
    yield records.slice(from, to);
    await sleep(random.between(0, pauseMaxMs));
    from = to;
  }
}
