import { randomInt } from 'node:crypto';
import { EXIT } from '../../services/cli/exit.js';
import { seededRandom } from '../../services/demo/random.js';
import { elapsedMs } from '../../services/shared/clock.js';
import { interruption, optionsOr, say } from '../command-line.js';
import { FaultProxy } from '../faults/fault-proxy.js';
import { chaosOptions, USAGE, type ChaosOptions } from './arguments.js';
import type { FaultName, Scene } from './faults.js';
import { brokenRound } from './broken-round.js';
import { againInNamespace, canMount } from './small-disk.js';
import { Victim } from './victim.js';

/** Says to the second one of us that it may mount. */
const MAY_MOUNT = 'BACKTRAIL_CHAOS_MAY_MOUNT';

async function run(options: ChaosOptions, victim: Victim, ending: AbortSignal): Promise<boolean> {
  const { SCHEMA_REGISTRY_URL, CLICKHOUSE_URL } = victim.endpoints();
  const proxies = [await FaultProxy.to(SCHEMA_REGISTRY_URL), await FaultProxy.to(CLICKHOUSE_URL)];
  const random = seededRandom(`chaos ${options.seed}`);
  const scene: Scene = { victim, proxies, random, awayMaxMs: options.awayMaxMs, ending };
  const table: Record<string, Row> = {};
  const deadlineMs = elapsedMs() + options.minutes * 60_000;
  const order = options.faults;
  const first = random.below(order.length);
  for (let round = 0; elapsedMs() < deadlineMs && !ending.aborted; round += 1) {
    const one = order[(first + (round >> 1)) % order.length] as FaultName;
    const isMixed = round % 2 === 0;
    say(`round ${round}: ${isMixed ? 'all' : one}`);
    const kinds = isMixed ? order : [one];
    const said = await brokenRound(scene, { ...options, round, next: () => random.pick(kinds) });
    for (const finding of said.findings) process.stdout.write(`${finding}\n`);
    const name = isMixed ? 'all' : one;
    const { faults, questions, findings, seconds } = said;
    table[name] = added(table[name], { faults, rounds: 1, questions, findings: findings.length, seconds });
  }
  for (const proxy of proxies) await proxy.close();
  console.table(table);
  return Object.values(table).some(({ findings }) => findings > 0);
}

/** As `console.table` prints it. */
interface Row {
  readonly faults: number;
  readonly rounds: number;
  readonly questions: number;
  readonly findings: number;
  /** From the end of the last fault of a round until all was told and compared: the longest. */
  readonly seconds: number;
}

function added(before: Row | undefined, row: Row): Row {
  if (before === undefined) return row;
  return {
    faults: before.faults + row.faults,
    rounds: before.rounds + row.rounds,
    questions: before.questions + row.questions,
    findings: before.findings + row.findings,
    seconds: Math.max(before.seconds, row.seconds),
  };
}

async function main(): Promise<number> {
  const given = optionsOr((args) => chaosOptions(args, () => String(randomInt(1_000_000))), USAGE);
  if (typeof given === 'number') return given;
  let options = given;
  const mayMount = process.env[MAY_MOUNT] !== undefined;
  if (options.faults.includes('disk-full') && !mayMount) {
    if (canMount()) return againInNamespace({ ...process.env, [MAY_MOUNT]: '1' });
    say('disk-full is left out: this system does not let its users mount');
    options = { ...options, faults: options.faults.filter((name) => name !== 'disk-full') };
    if (options.faults.length === 0) return EXIT.usage;
  }
  const ending = interruption();
  say(`seed ${options.seed}`);
  const victim = new Victim(process.env, options.faults.includes('disk-full') ? options.diskMegabytes : null);
  let found = true;
  try {
    await victim.start();
    found = await run(options, victim, ending);
  } finally {
    // What was found can be looked into.
    await victim.end(found);
    if (found) say(`data and logs: ${victim.folder}`);
  }
  say(`seed ${options.seed}`);
  return found ? EXIT.findings : EXIT.ok;
}

process.exitCode = await main();
