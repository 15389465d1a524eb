import { elapsedMs, sleep } from '../../services/shared/clock.js';
import { say } from '../command-line.js';
import type { FaultProxy } from '../faults/fault-proxy.js';
import { FAULTS, type FaultName, type Scene } from './faults.js';
import { check, work, type RoundOptions } from './round.js';

export interface BrokenOptions extends RoundOptions {
  /** What goes wrong next; null when nothing more does. */
  readonly next: () => FaultName | null;
}

export interface BrokenReport {
  readonly faults: number;
  readonly questions: number;
  readonly findings: readonly string[];
  /** From the end of the last fault until all was told and compared. */
  readonly seconds: number;
}

const PAUSE_MIN_MS = 300;
const PAUSE_MAX_MS = 4_000;
/** No fault begins later in a round. */
const ROUND_MS = 30_000;

/** The stack works, one fault comes after the other, and when all is over every answer is compared. */
export async function brokenRound(scene: Scene, options: BrokenOptions): Promise<BrokenReport> {
  const { victim, proxies, ending } = scene;
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, ending]);
  void sleep(ROUND_MS, signal).then(() => {
    over.abort();
  });
  const breaking = breakThings(options.next, scene, signal);
  const [registry, clickhouse] = proxies as readonly [FaultProxy, FaultProxy];
  const { questions, findings } = await work(victim, { registry, clickhouse }, options);
  over.abort();
  const workedMs = elapsedMs();
  const { faults, lastMs } = await breaking;
  const seconds = Math.max(0, Math.round((workedMs - lastMs) / 1_000));
  for (const proxy of proxies) proxy.mend();
  if (!ending.aborted) findings.push(...(await check(victim)));
  say(`  ${faults} faults, ${questions} answers, ${findings.length} findings, ${seconds} s after the last fault`);
  return { faults, questions, findings, seconds };
}

interface Broken {
  readonly faults: number;
  /** When the last of them was over. */
  readonly lastMs: number;
}

async function breakThings(next: BrokenOptions['next'], scene: Scene, signal: AbortSignal): Promise<Broken> {
  let [faults, lastMs] = [0, elapsedMs()];
  for (;;) {
    await sleep(scene.random.between(PAUSE_MIN_MS, PAUSE_MAX_MS), signal);
    const name = signal.aborted ? null : next();
    if (name === null) return { faults, lastMs };
    const done = await FAULTS[name](scene);
    if (done === null) continue;
    say(`  ${name}: ${done}`);
    [faults, lastMs] = [faults + 1, elapsedMs()];
  }
}
