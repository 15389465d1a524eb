import type { ClickHouse } from '../../services/shared/clickhouse/client.js';
import { elapsedMs, now, sleep } from '../../services/shared/clock.js';
import { Child } from './child.js';
import { measureLatency, type Latency } from './latency.js';
import { countCpu, peakBytes, type Pids } from './processes.js';
import type { Story } from './records.js';
import { tableOf } from './report.js';
import { openServers, openStage, openTables, Sender, type Servers, type Stage } from './stage.js';

export interface BenchOptions {
  readonly records: number;
  readonly releases: number;
  readonly partitions: number;
  readonly blockRows: number;
  readonly runs: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly profile?: string;
}

interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Of throw-away databases and topics. */
  readonly name: string;
  /** File of the service that is measured. */
  readonly service: string;
  readonly say: (line: string) => void;
  /** Aborts when the user ends the program: all that was started is put away then. */
  readonly ending: AbortSignal;
}

/** What one process and the servers did for one million records. */
export interface Figure {
  readonly what: 'pipeline' | 'decode' | 'insert';
  readonly perSecond: number;
  /** CPU seconds for a million records, by process. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly peakBytes: number;
}

export interface Figures {
  readonly records: number;
  readonly valueBytes: number;
  readonly runs: readonly Figure[];
  readonly latency: (Latency & { readonly perSecond: number }) | null;
}

// Looking costs the servers time, too: seldom while much is left, often at the end.
const POLL_MAX_MS = 500;
const POLL_MIN_MS = 20;
const HOUR_MICROS = 3_600_000_000;
const GIVE_UP_MS = 300_000;
const WARM_UP_SECONDS = 3;

export async function runBench(
  options: BenchOptions,
  around: Surroundings,
): Promise<{ figures: Figures; table: string }> {
  const story: Story = { startMicros: now() * 1000 - HOUR_MICROS };
  const servers = await openServers(around.env, around.say, around);
  try {
    const runs: Figure[] = [];
    let valueBytes = 0;
    for (let run = 0; run < options.runs; run += 1) {
      const stage = await openStage(servers.env, { name: `${around.name}_${run}`, partitions: options.partitions });
      try {
        around.say(`run ${run + 1}: ${options.records} records are sent ...`);
        valueBytes = await preload(stage, { story, options, around });
        for (const what of ['pipeline', 'decode', 'insert'] as const) {
          const figure = await measure(what, { stage, servers, options, around, story });
          around.say(`run ${run + 1}: ${what} ${Math.round(figure.perSecond)} records/s`);
          runs.push(figure);
        }
      } finally {
        await stage.close();
      }
    }
    const latency = options.seconds === 0 ? null : await latencyOf({ servers, options, around, story });
    const figures = { records: options.records, valueBytes, runs, latency };
    return { figures, table: tableOf(figures) };
  } finally {
    await servers.close();
  }
}

async function preload(
  stage: Stage,
  { story, options: { records, releases }, around }: Pick<Measuring, 'story' | 'options' | 'around'>,
): Promise<number> {
  const sender = await Sender.open(stage, around.ending);
  try {
    await sender.releases(releases, story);
    return await sender.inferences(0, records, story);
  } finally {
    await sender.close();
  }
}

interface Measuring {
  readonly stage: Stage;
  readonly servers: Servers;
  readonly options: BenchOptions;
  readonly around: Surroundings;
  readonly story: Story;
}

async function measure(what: Figure['what'], measuring: Measuring): Promise<Figure> {
  const { stage, servers, options, around } = measuring;
  const database = openTables(stage.config, around.ending);
  const child = new Child(commandOf(what, measuring), stage.env, around.ending);
  try {
    if (what === 'insert') await database.command('TRUNCATE TABLE inference_rows');
    await child.line((line) => line === 'begin' || line.includes('"ready"'));
    const pids: Pids = { [what]: child.pid, ...servers.pids };
    const used = countCpu(pids);
    const startMs = elapsedMs();
    if (what === 'pipeline') await untilVisible(database, options.records);
    else await child.line((line) => line === 'end');
    const seconds = (elapsedMs() - startMs) / 1000;
    const perMillion = 1_000_000 / options.records;
    const cpu = Object.fromEntries(Object.entries(used()).map(([name, spent]) => [name, spent * perMillion]));
    return { what, perSecond: options.records / seconds, cpu, peakBytes: peakBytes(child.pid) };
  } finally {
    await child.stop();
    await database.close();
  }
}

function commandOf(what: Figure['what'], { options, around, story }: Measuring): [string, ...string[]] {
  const { records, releases, blockRows, profile } = options;
  const source = (file: string, ...args: number[]): [string, ...string[]] => {
    const path = new URL(file, import.meta.url).pathname;
    return [process.execPath, '--import', 'tsx', path, ...args.map(String)];
  };
  if (what === 'decode') return source('./decode-main.ts', records);
  if (what === 'insert') return source('./insert-main.ts', records, releases, story.startMicros, blockRows);
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  return [process.execPath, ...profiling, around.service];
}

async function untilVisible(database: ClickHouse, count: number): Promise<void> {
  const startMs = elapsedMs();
  for (;;) {
    const [row] = await database.select<{ n: string }>('SELECT count() AS n FROM inference_rows');
    const visible = Number(row?.n ?? 0);
    if (visible >= count) return;
    const sinceMs = elapsedMs() - startMs;
    if (sinceMs > GIVE_UP_MS) throw new Error(`only ${visible} of ${count} rows are visible`);
    const leftMs = visible === 0 ? POLL_MAX_MS : (sinceMs / visible) * (count - visible);
    await sleep(Math.max(POLL_MIN_MS, Math.min(leftMs / 2, POLL_MAX_MS)));
  }
}

/** On topics and tables of its own: what lies there already would be looked at, too. */
async function latencyOf(measuring: Omit<Measuring, 'stage'>): Promise<Figures['latency']> {
  const { servers, options, around, story } = measuring;
  const stage = await openStage(servers.env, { name: `${around.name}_latency`, partitions: options.partitions });
  const database = openTables(stage.config, around.ending);
  const sender = await Sender.open(stage, around.ending);
  const child = new Child([process.execPath, around.service], stage.env, around.ending);
  try {
    await sender.releases(options.releases, story);
    await child.line((line) => line.includes('"ready"'));
    const { perSecond, seconds } = options;
    around.say(`latency: ${perSecond} records a second for ${seconds} s ...`);
    const rate = { perSecond, seconds, warmUpSeconds: WARM_UP_SECONDS };
    return { perSecond, ...(await measureLatency({ database, sender, story }, rate)) };
  } finally {
    await child.stop();
    await sender.close();
    await database.close();
    await stage.close();
  }
}
