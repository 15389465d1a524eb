import { randomInt } from 'node:crypto';
import { EXIT } from '../../services/cli/exit.js';
import { seededRandom } from '../../services/demo/random.js';
import { elapsedMs, sleep } from '../../services/shared/clock.js';
import { interruption, optionsOr, say } from '../command-line.js';
import { chaosOptions, USAGE, type ChaosOptions } from './arguments.js';
import { FAULTS, type FaultName, type Scene } from './faults.js';
import { TroubledProxy } from './proxy.js';
import { check, work } from './round.js';
import { Victim } from './victim.js';

const PAUSE_MAX_MS = 4_000;

interface Row {
  faults: number;
  rounds: number;
  stories: number;
  questions: number;
  findings: number;
}

const ending = interruption();

/** Faults of one kind or, in every second round, of all kinds, one after the other until the signal aborts. */
async function breakThings(names: readonly FaultName[], scene: Scene): Promise<number> {
  let count = 0;
  for (;;) {
    await sleep(scene.random.between(300, PAUSE_MAX_MS), scene.signal);
    if (scene.signal.aborted) return count;
    const name = scene.random.pick(names);
    const done = await FAULTS[name](scene);
    if (done === null) continue;
    say(`  ${name}: ${done}`);
    count += 1;
  }
}

async function run(options: ChaosOptions, victim: Victim): Promise<boolean> {
  const registry = await TroubledProxy.open(() => victim.endpoints().SCHEMA_REGISTRY_URL);
  const clickhouse = await TroubledProxy.open(() => victim.endpoints().CLICKHOUSE_URL);
  const proxies = [registry, clickhouse];
  const random = seededRandom(`chaos ${options.seed}`);
  const table: Record<string, Row> = {};
  const deadlineMs = elapsedMs() + options.minutes * 60_000;
  const order = options.faults;
  const first = random.below(order.length);
  for (let round = 0; elapsedMs() < deadlineMs && !ending.aborted; round += 1) {
    const one = order[(first + (round >> 1)) % order.length] as FaultName;
    const kinds = round % 2 === 0 ? options.faults : [one];
    const name = round % 2 === 0 ? 'all' : one;
    say(`round ${round}: ${name}`);
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, ending, AbortSignal.timeout(30_000)]);
    const breaking = breakThings(kinds, { victim, proxies, random, signal });
    const { questions, findings } = await work(victim, { registry, clickhouse }, { ...options, round });
    over.abort();
    const faults = await breaking;
    for (const proxy of proxies) proxy.mode = 'pass';
    findings.push(...(await check(victim)));
    const row = (table[name] ??= { faults: 0, rounds: 0, stories: 0, questions: 0, findings: 0 });
    row.faults += faults;
    row.rounds += 1;
    row.stories += options.stories;
    row.questions += questions;
    row.findings += findings.length;
    for (const finding of findings) process.stdout.write(`${finding}\n`);
  }
  for (const proxy of proxies) proxy.close();
  console.table(table);
  return Object.values(table).some(({ findings }) => findings > 0);
}

async function main(): Promise<number> {
  const options = optionsOr((args) => chaosOptions(args, () => String(randomInt(1_000_000))), USAGE);
  if (typeof options === 'number') return options;
  say(`seed ${options.seed}`);
  const victim = new Victim(process.env);
  let found = true;
  try {
    await victim.start();
    found = await run(options, victim);
  } finally {
    // What was found can be looked into.
    await victim.end(found);
    if (found) say(`data and logs: ${victim.home.root}`);
  }
  say(`seed ${options.seed}`);
  return found ? EXIT.findings : EXIT.ok;
}

process.exitCode = await main();
