import { elapsedMs, sleep } from '../../services/shared/clock.js';
import { type Identity, isAlive, signalProcess } from './identity.js';
import { launch, stopProcess } from './launch.js';
import type { ProcessSpec } from './parts.js';
import { afterDeath, countDeath, FULL_DISK_DELAY_MS, NO_DEATHS, wasKilled } from './restarts.js';
import type { ProcessRecord } from './stack-file.js';

/** What keeping a process alive needs from the supervisor. */
export interface Keeper {
  logFile: (name: string) => string;
  /** Saves what is now known about the process. */
  record: (change: Partial<ProcessRecord>) => void;
  note: (sentence: string) => void;
  /** Nothing can start where the stack keeps what it has. */
  isDiskFull: () => boolean;
  /** Services start when the parts they need are there. Resolves early when aborted. */
  mayStart: (signal: AbortSignal) => Promise<void>;
}

const WATCH_EVERY_MS = 150;
const PROBE_EVERY_MS = 60;
const HEALTH_EVERY_MS = 5_000;
/** What has not answered for so long while it should is frozen or stuck: it is killed, and started again. */
const SILENT_LIMIT_MS = 45_000;

interface Life {
  identity: Identity | null;
  /** Known for our own children only: of a process taken over from an earlier supervisor nobody tells how it ended. */
  ended: Promise<string> | null;
  bornMs: number;
  wasReady: boolean;
}

/**
 * Keeps one process alive until aborted; then it leaves the process as it is (`endProcess` ends it).
 * A process that an earlier supervisor started, and that still lives, is taken over instead of started again.
 */
export async function keepAlive(
  spec: ProcessSpec,
  earlier: ProcessRecord | null,
  keeper: Keeper,
  signal: AbortSignal,
): Promise<void> {
  let deaths = NO_DEATHS;
  let restarts = earlier?.restarts ?? 0;
  let everReady = earlier !== null && (earlier.restarts > 0 || ['ready', 'restarting'].includes(earlier.state));
  let life: Life | null = isAlive(earlier?.identity ?? null)
    ? { identity: earlier?.identity ?? null, ended: null, bornMs: elapsedMs(), wasReady: false }
    : null;
  if (earlier !== null && earlier.identity !== null && life === null) {
    restarts += 1;
    keeper.record({ identity: null, state: 'restarting', restarts, reason: 'ended while nobody watched' });
    keeper.note(`${spec.name}: ended while nobody watched, starting it again`);
  }

  for (;;) {
    if (life === null) {
      await keeper.mayStart(signal);
      if (signal.aborted) return;
      life = await start(spec, keeper);
    }
    const reason = await watch(spec, life, keeper, signal);
    if (reason === null) return;

    const { bornMs, wasReady } = life;
    const diskFull = keeper.isDiskFull();
    everReady ||= wasReady;
    deaths = countDeath(deaths, {
      livedMs: elapsedMs() - bornMs,
      wasReady,
      killed: wasKilled(reason, life),
      diskFull,
    });
    life = null;
    // A part that cannot even start the first time will not the second: whoever ran `up` is waiting for the reason.
    const verdict =
      spec.kind === 'part' && !everReady ? { kind: 'give-up' as const, why: 'did not start' } : afterDeath(deaths);
    if (verdict.kind === 'give-up') {
      keeper.record({ identity: null, state: 'failed', reason: `${verdict.why}, last: ${reason}` });
      keeper.note(`${spec.name}: given up, ${verdict.why} (${reason})`);
      return;
    }
    restarts += 1;
    const delayMs = diskFull ? FULL_DISK_DELAY_MS : verdict.delayMs;
    const why = diskFull ? `${reason}; the disk is full` : reason;
    keeper.record({ identity: null, state: 'restarting', restarts, reason: why });
    keeper.note(`${spec.name}: ended (${why}), starting it again in ${String(delayMs)} ms`);
    await sleep(delayMs, signal);
    if (signal.aborted) return;
  }
}

async function start(spec: ProcessSpec, keeper: Keeper): Promise<Life> {
  keeper.record({ state: 'starting' });
  const bornMs = elapsedMs();
  try {
    await spec.prepare();
    const { identity, ended } = await launch(spec.command, { env: spec.env, logFile: keeper.logFile(spec.name) });
    keeper.record({ identity });
    return { identity, ended, bornMs, wasReady: false };
  } catch (error) {
    return {
      identity: null,
      ended: Promise.resolve(`could not be prepared: ${String(error)}`),
      bornMs,
      wasReady: false,
    };
  }
}

/** Resolves with the reason when the process has ended, with null when aborted. */
async function watch(spec: ProcessSpec, life: Life, keeper: Keeper, signal: AbortSignal): Promise<string | null> {
  const { identity, bornMs } = life;
  let ready = false;
  const silence = new Silence(spec);
  while (!signal.aborted) {
    if (identity === null || !isAlive(identity)) {
      return (await Promise.race([life.ended, sleep(100).then(() => null)])) ?? 'ended, nobody saw how';
    }
    if (!ready && (await spec.ready())) {
      ready = true;
      life.wasReady = true;
      keeper.record({ state: 'ready' });
      keeper.note(
        `${spec.name}: ready after ${String(Math.round(elapsedMs() - bornMs))} ms, pid ${String(identity.pid)}`,
      );
    } else if (!ready && elapsedMs() - bornMs > spec.readyLimitMs) {
      signalProcess(identity, 'SIGKILL');
      return `not ready after ${String(spec.readyLimitMs / 1000)} s`;
    } else if (ready && silence.lastsMs() > SILENT_LIMIT_MS) {
      signalProcess(identity, 'SIGKILL');
      return `killed by SIGKILL: it had not answered for ${String(SILENT_LIMIT_MS / 1000)} s`;
    }
    await sleep(ready ? WATCH_EVERY_MS : PROBE_EVERY_MS, signal);
  }
  return null;
}

/** How long a process has not answered, asked every few seconds beside the watch for its death. */
class Silence {
  #askedMs = elapsedMs();
  #silentSinceMs: number | null = null;
  #asking = false;

  constructor(readonly spec: ProcessSpec) {}

  lastsMs(): number {
    const sinceAskedMs = elapsedMs() - this.#askedMs;
    // We were frozen ourselves, or had no time: what we did not ask did not stay silent.
    if (sinceAskedMs > 2 * HEALTH_EVERY_MS && !this.#asking) this.#silentSinceMs = null;
    if (!this.#asking && sinceAskedMs > HEALTH_EVERY_MS) void this.#ask();
    return this.#silentSinceMs === null ? 0 : elapsedMs() - this.#silentSinceMs;
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    this.#askedMs = elapsedMs();
    const answers = await this.spec.alive();
    this.#silentSinceMs = answers ? null : (this.#silentSinceMs ?? this.#askedMs);
    this.#asking = false;
  }
}

/** Ends a process that is no longer kept, and says in the record that it was meant to end. */
export async function endProcess(record: ProcessRecord, limitMs: number): Promise<string> {
  const how = record.identity === null ? 'gone' : await stopProcess(record.identity, limitMs);
  return how === 'killed'
    ? `${record.name}: did not end within ${String(limitMs / 1000)} s and was killed`
    : `${record.name}: stopped`;
}
