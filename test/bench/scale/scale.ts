import { greatestAppendTime } from '../../../services/shared/clickhouse/ask/ask.js';
import { now } from '../../../services/shared/clock.js';
import { peakBytes, type Pids } from '../processes.js';
import { openServers, openStage, openTables } from '../stage.js';
import { untilApplied } from './applied.js';
import { flagLater } from './flag.js';
import { Loader } from './load.js';
import { GROUP, MODELS, releasesOf, SPAN_MICROS, type Network } from './network.js';
import { timeQuestions, type QuestionFigure } from './questions.js';
import type { LoadFigure, ScaleFigures } from './report.js';
import { rollBackLater } from './rollback.js';
import { startServices } from './services.js';

export interface ScaleOptions {
  readonly inferences: number;
  readonly seed: number;
  readonly tries: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly keep: boolean;
}

interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly name: string;
  readonly say: (line: string) => void;
  /** Aborts when the user ends the program: all that was started is put away then. */
  readonly ending: AbortSignal;
}

const DAY_MICROS = 86_400_000_000;
const PARTITIONS = 3;
/** The first part is a tenth: what memory a service needs shows whether volume counts. */
const PARTS = [0.1, 1];

export async function runScale(options: ScaleOptions, { env, name, say, ending }: Surroundings): Promise<ScaleFigures> {
  const inferences = Math.ceil(options.inferences / (GROUP * 10)) * GROUP * 10;
  // Over a day ago, so that nothing of it lies ahead.
  const network: Network = { inferences, seed: options.seed, startMicros: now() * 1000 - SPAN_MICROS - DAY_MICROS };
  const servers = await openServers(env, say, { keep: options.keep, ending });
  try {
    const stage = await openStage(servers.env, { name, partitions: PARTITIONS });
    const { config } = stage;
    const database = openTables(config, ending);
    const loader = await Loader.open(config, ending);
    try {
      await loader.send('releases', releasesOf(network));
      const loads: LoadFigure[] = [];
      const earlier: number[] = [];
      let running = { pids: {} as Pids, stop: (): Promise<void> => Promise.resolve() };
      try {
        for (const [part, share] of PARTS.entries()) {
          const before = { ...loader.sent };
          if (part > 0) await running.stop();
          say(`part ${part + 1}: up to ${inferences * share} inferences are sent ...`);
          await loader.load(network, inferences * (PARTS[part - 1] ?? 0), inferences * share);
          say(`part ${part + 1}: the services start`);
          running = startServices(stage.env);
          const appliedAfter = await untilApplied(database, config.kafka.topicPrefix, loader.sent);
          const pids = { ...running.pids, ...servers.pids };
          loads.push({ sent: since(before, loader.sent), appliedAfter, peakBytes: peaksOf(pids) });
          say(`part ${part + 1}: ${JSON.stringify(appliedAfter)}`);
          earlier.push(await greatestAppendTime(database));
        }
        say('a flag after the fact ...');
        const flag = await flagLater(database, loader, network);
        say(JSON.stringify(flag));
        say('a back-dated rollback beside live traffic ...');
        const at = { database, loader, prefix: config.kafka.topicPrefix };
        const rollback = await rollBackLater(at, network, options);
        say(JSON.stringify(rollback));
        const questions: QuestionFigure[] = [];
        for await (const figure of timeQuestions(database, network, {
          tries: options.tries,
          earlierMs: earlier[0] ?? 0,
        })) {
          say(`${figure.question}, ${figure.known}: ${figure.failed ?? `p50 ${Math.round(figure.p50Ms)} ms`}`);
          questions.push(figure);
        }
        return { inferences, models: MODELS, valueBytes: loader.valueBytes, loads, flag, rollback, questions };
      } finally {
        await running.stop();
      }
    } finally {
      await Promise.allSettled([loader.close(), database.close()]);
      if (!options.keep) await stage.close();
    }
  } finally {
    await servers.close();
  }
}

function peaksOf(pids: Pids): Record<string, number> {
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, peakBytes(pid)]));
}

function since<T extends Readonly<Record<string, number>>>(before: T, after: T): T {
  return Object.fromEntries(Object.entries(after).map(([key, n]) => [key, n - (before[key] ?? 0)])) as T;
}
